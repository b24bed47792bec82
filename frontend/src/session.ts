/**
 * The page of one session: takes over from the template and keeps every panel true to the stream.
 *
 * The stream is opened first and the day's series fetched after it, so that between them nothing is missing; the series
 * joins the ticks by their numbers.
 */

import { StreamConnection, type ConnectionState, type Frame } from 'backtest-stream'
import { byId, setHidden, setText } from './dom.ts'
import { FrameLoop } from './live/frame_loop.ts'
import type { StatusFacts } from './live/session_status.ts'
import { SessionStore } from './live/session_store.ts'
import type { SeriesColumns } from './live/tick_series.ts'
import { ChartsPanel } from './panels/charts.ts'
import { FiguresPanel, StatusPanel } from './panels/headline.ts'
import { NodesPanel } from './panels/nodes.ts'
import { NodeEventsPanel, PositionsPanel, TradesPanel } from './panels/tables.ts'

/** How soon a history that ended before the live ticks began is asked for again. */
const HISTORY_RETRY_MS = 1_500
/** How often words about age and waiting are brought up to date while nothing comes. */
const CLOCK_MS = 250

/** The part of GET /api/sessions/<id>/ that the page reads. */
interface SessionSummary {
  readonly state: string
  readonly total_ticks: number | null
  readonly error?: string
}

type Ended = StatusFacts['ended']

class SessionPage {
  readonly #page: HTMLElement
  readonly #store: SessionStore
  readonly #loop = new FrameLoop()
  readonly #connection: StreamConnection
  #connectionState: ConnectionState
  readonly #ticksAtLoad: number
  #totalTicks: number | null
  #tickCameAt: number | null = null
  #isFetchingHistory = false
  #isFetchingSession = false
  #clock: ReturnType<typeof setInterval> | undefined

  constructor(page: HTMLElement) {
    this.#page = page
    const underlying = this.#setting('underlying')
    this.#store = new SessionStore(underlying)
    this.#ticksAtLoad = Number(this.#setting('ticksDone'))
    this.#totalTicks = Number(this.#setting('totalTicks')) || null
    this.#connection = new StreamConnection({
      url: this.#setting('streamUrl'),
      cursor: null,
      onFrames: (frames) => this.#takeFrames(frames),
      onState: (state) => this.#takeConnectionState(state),
    })
    this.#connectionState = this.#connection.state
    this.#addPanels(underlying)
  }

  start(): void {
    this.#connection.start()
    this.#clock = setInterval(() => this.#loop.markDirty(), CLOCK_MS)
    // A page that is left must not hold one of the browser's six connections to the server.
    addEventListener('pagehide', () => this.#connection.close())
    // A page that comes back from the browser's memory has a closed connection: begin again.
    addEventListener('pageshow', (event) => {
      if (event.persisted) location.reload()
    })
  }

  #addPanels(underlying: string): void {
    const totalTicks = (): number | null => this.#totalTicks
    const status = {
      connection: () => this.#connectionState,
      tick: () => this.#store.newestTick || this.#ticksAtLoad,
      totalTicks,
      ended: () => this.#ended(),
      error: () => this.#store.completion?.error ?? (this.#setting('error') || null),
      tickCameAt: () => this.#tickCameAt,
    }
    this.#loop.add(new StatusPanel(status, () => this.#connection.retryNow()))
    // Until the stream tells something, what the template wrote is the newest that is known.
    const panels = [
      new FiguresPanel(this.#store, underlying, () => this.#ended() !== null),
      new PositionsPanel(this.#store),
      new TradesPanel(this.#store),
      new NodesPanel(this.#store),
      new NodeEventsPanel(this.#store),
      new ChartsPanel(this.#store, underlying, totalTicks),
    ]
    for (const panel of panels) {
      this.#loop.add({ interval: panel.interval, draw: (now) => this.#store.revision > 0 && panel.draw(now) })
    }
  }

  async #takeFrames(frames: readonly Frame[]): Promise<void> {
    const tickBefore = this.#store.newestTick
    await this.#store.ingest(frames)
    if (this.#store.newestTick !== tickBefore) this.#tickCameAt = performance.now()
    this.#totalTicks = this.#store.completion?.total_ticks || this.#totalTicks
    if (this.#store.series.hasHole) void this.#fetchHistory()
    if (this.#totalTicks === null && this.#store.newestTick > 0) void this.#fetchSession()
    if (this.#store.completion === null) this.#loop.markDirty()
    else this.#finish()
  }

  #takeConnectionState(state: ConnectionState): void {
    this.#connectionState = state
    if (state.phase === 'ended') {
      if (this.#store.completion === null) void this.#fetchSession()
      this.#finish()
    }
    this.#loop.markDirty()
  }

  #finish(): void {
    clearInterval(this.#clock)
    this.#loop.flush()
  }

  #ended(): Ended {
    if (this.#store.completion !== null) return this.#store.completion.status
    // What the page knew when it was made; the stream has nothing to tell of a session that ended before its first event.
    const state = this.#setting('state')
    return state === 'failed' || state === 'cancelled' || state === 'completed' ? state : null
  }

  /** Fetch the day so far, until it reaches the ticks that came live. */
  async #fetchHistory(): Promise<void> {
    if (this.#isFetchingHistory) return
    this.#isFetchingHistory = true
    try {
      const answer = await fetch(this.#setting('seriesUrl'), { headers: { Accept: 'application/json' } })
      if (!answer.ok) throw new Error(`The day's series cannot be read: the server answered ${answer.status}.`)
      const { columns } = (await answer.json()) as { readonly columns: SeriesColumns }
      this.#store.series.merge(columns)
      this.#showHistoryFault(null)
    } catch (error) {
      this.#showHistoryFault(error instanceof TypeError ? 'The server cannot be reached.' : String(error))
    }
    this.#loop.flush()
    setTimeout(() => {
      this.#isFetchingHistory = false
      if (this.#store.series.hasHole) void this.#fetchHistory()
    }, HISTORY_RETRY_MS)
  }

  #showHistoryFault(fault: string | null): void {
    const node = byId('chart-fault')
    setHidden(node, fault === null)
    setText(node, fault === null ? '' : `The charts begin where this page joined. ${fault} It is tried again.`)
  }

  /** Ask for what neither stream nor page says: the total of a session that was queued, the end of one that never began. */
  async #fetchSession(): Promise<void> {
    if (this.#isFetchingSession) return
    this.#isFetchingSession = true
    const answer = await fetch(this.#setting('sessionUrl'), { headers: { Accept: 'application/json' } }).catch(() => null)
    if (answer !== null && answer.ok) {
      const session = (await answer.json()) as SessionSummary
      this.#totalTicks = session.total_ticks ?? this.#totalTicks
      this.#page.dataset['state'] = session.state
      this.#page.dataset['error'] = session.error ?? ''
      this.#loop.flush()
    }
    setTimeout(() => (this.#isFetchingSession = false), HISTORY_RETRY_MS)
  }

  #setting(name: string): string {
    return this.#page.dataset[name] ?? ''
  }
}

const page = byId('session')
if (page !== null) new SessionPage(page).start()
