/**
 * The page of one session: takes over from the template and keeps every panel true to the stream, or to the tick that the
 * reader looks at.
 *
 * The stream is opened first and the day's series fetched after it, so that between them nothing is missing; the series
 * joins the ticks by their numbers.
 */

import { byId, setHidden, setText } from './dom.ts'
import { formatTime } from './exchange_time.ts'
import { tellTheConsole } from './facts_for_the_console.ts'
import { readJson, sentenceOf, stateAfter, type AnswerState } from './live/answers.ts'
import { openFeed, type Feed, type FeedMessage, type Line } from './live/feed.ts'
import { FrameLoop, type Panel } from './live/frame_loop.ts'
import { LineHistory } from './live/line_history.ts'
import type { StatusFacts } from './live/session_status.ts'
import { SessionStore } from './live/session_store.ts'
import type { GuardsDocument } from './live/guard_book.ts'
import type { SeriesColumns } from './live/tick_series.ts'
import { ControlPanel, type SessionDocument } from './panels/control.ts'
import { FacesPanel, type FaceFacts } from './panels/faces.ts'
import { FiguresPanel, StatusPanel } from './panels/headline.ts'
import { ReplaySource } from './replay/replay_source.ts'
import { SessionDesk } from './session_desk.ts'
import { SessionView } from './session_view.ts'

/** How soon a history that ended before the live ticks began is asked for again. */
const HISTORY_RETRY_MS = 1_500
/** How often words about age and waiting are brought up to date while nothing comes. */
const CLOCK_MS = 250
/** Where the reader prefers little motion, nothing on the page moves more often than this. */
const CALM_MS = 1_000

const NOT_CONNECTED: Line = { phase: 'idle', failures: 0, retryIn: null, reason: null, status: null, answer: null }

interface SeriesDocument {
  readonly through_tick: number
  readonly columns: SeriesColumns
  readonly guards?: readonly GuardsDocument[]
  readonly prices?: { readonly [symbol: string]: readonly (number | null)[] }
}

class SessionPage {
  readonly #page: HTMLElement
  readonly #store: SessionStore
  readonly #view: SessionView
  readonly #loop = new FrameLoop()
  readonly #history = new LineHistory()
  readonly #control: ControlPanel
  readonly #desk: SessionDesk
  #feed: Feed | null = null
  #line: Line = NOT_CONNECTED
  #retryAt: number | null = null
  #totalTicks: number | null
  /** A page that was opened after the failure says it below the heading, in full. */
  readonly #isErrorTold = document.querySelector('.failure') !== null
  #queuePosition: number | null = null
  #tickCameAt: number | null = null
  #isFetchingHistory = false
  #seriesAnswer: AnswerState = 'none'
  #clock: ReturnType<typeof setInterval> | undefined
  /** Batches are taken one after the other, also where a snapshot takes a while to open. */
  #work: Promise<void> = Promise.resolve()

  constructor(page: HTMLElement) {
    this.#page = page
    const underlying = this.#setting('underlying')
    const apiUrl = this.#setting('sessionUrl')
    this.#store = new SessionStore(underlying)
    this.#totalTicks = Number(this.#setting('totalTicks')) || null
    this.#view = new SessionView(this.#store, new ReplaySource(apiUrl, this.#setting('revision'), () => this.#redraw()))
    this.#control = new ControlPanel(apiUrl, (session) => this.#takeDocument(session))
    this.#addHeadline(underlying)
    this.#desk = new SessionDesk({
      page,
      view: this.#view,
      loop: this.#loop,
      redraw: () => this.#redraw(),
      apiUrl,
      underlying,
      title: byId('session-name')?.textContent ?? '',
      totalTicks: () => this.#totalTicks,
      fetchPrices: (symbols) => this.#fetchPrices(symbols),
      whenKnown: (panel) => this.#whenKnown(panel),
    })
    // The last, so that it says of each panel what that shows now.
    this.#loop.add(new FacesPanel(() => this.#faces(), () => this.#loop.flush()))
  }

  start(): void {
    const place = {
      url: new URL(this.#setting('streamUrl'), location.href).href,
      workerUrl: this.#setting('workerUrl'),
      user: this.#setting('user'),
    }
    this.#feed = openFeed(place, (message) => this.#take(message))
    this.#clock = setInterval(() => this.#loop.markDirty(), CLOCK_MS)
    if (this.#ended() === null) this.#control.start()
    else void this.#control.read()
    this.#desk.start()
    const { series } = this.#store
    tellTheConsole({
      tick: () => this.#view.tick,
      state: () => this.#view.state,
      ticks: () => [series.first, series.last],
      tickAt: (time) => series.tickAt(time),
    })
    const calm = matchMedia('(prefers-reduced-motion: reduce)')
    const calmDown = (): void => void (this.#loop.slowest = calm.matches ? CALM_MS : 0)
    calmDown()
    calm.addEventListener('change', calmDown)
    // A page that is left must not hold one of the browser's six connections to the server.
    addEventListener('pagehide', () => this.#feed?.close())
    // A page that comes back from the browser's memory has a closed connection: begin again.
    addEventListener('pageshow', (event) => {
      if (event.persisted) location.reload()
    })
  }

  #addHeadline(underlying: string): void {
    const dismiss = (): void => {
      this.#history.dismiss()
      this.#loop.flush()
    }
    this.#loop.add(new StatusPanel(() => this.#facts(), () => this.#feed?.retryNow(), dismiss))
    this.#whenKnown(new FiguresPanel(this.#view, underlying, () => this.#ended() !== null))
  }

  /** An answer came: draw it at once for a reader who waits for it, in its turn for one who watches the day go by. */
  #redraw(): void {
    const goesBy = this.#view.head.isPlaying || (this.#view.isFollowing && this.#store.completion === null)
    if (goesBy) this.#loop.markDirty()
    else this.#loop.flush()
  }

  /** Draw a panel once the stream has told something; until then what the template wrote is the newest that is known. */
  #whenKnown(panel: Panel): void {
    const draw = (now: number, isWhole: boolean): boolean | void => {
      if (this.#store.state.event_id >= 0) return panel.draw(now, isWhole)
    }
    this.#loop.add({ interval: panel.interval, canYield: panel.canYield === true, draw })
  }

  #facts(): StatusFacts {
    const now = performance.now()
    const tick = this.#store.newestTick || Number(this.#setting('ticksDone'))
    const time = this.#store.series.timeOf(this.#store.newestTick)
    return {
      connection: this.#line,
      retryIn: this.#retryAt === null ? null : this.#retryAt - now,
      news: this.#history.news(this.#store.state.event_id, now),
      ended: this.#ended(),
      error: this.#isErrorTold ? null : (this.#store.completion?.error ?? (this.#setting('error') || null)),
      tick,
      totalTicks: this.#totalTicks,
      time: Number.isNaN(time) ? '' : formatTime(time),
      age: this.#tickCameAt === null ? null : now - this.#tickCameAt,
      queuePosition: this.#queuePosition,
    }
  }

  #faces(): FaceFacts {
    const { news, tick } = this.#facts()
    return {
      stream: {
        line: this.#line,
        hasBegun: this.#store.state.event_id >= 0,
        hasEnded: this.#ended() !== null,
        hasTick: tick > 0,
        silentFor: news.silentFor,
      },
      moment: this.#view.moment,
      series: this.#seriesAnswer,
      why: this.#desk.whyAnswer,
    }
  }

  #take(message: FeedMessage): void {
    switch (message.kind) {
      case 'alive':
        this.#history.noteAlive(performance.now())
        break
      case 'line':
        this.#then(() => this.#takeLine(message.line))
        break
      case 'begin':
        this.#then(() => {
          this.#store.begin(message.state, message.completion)
          this.#afterBatch()
        })
        break
      case 'batch':
        this.#history.noteAlive(performance.now())
        this.#then(async () => {
          const before = this.#store.newestTick
          await this.#store.ingest(message.batch)
          if (this.#store.newestTick !== before) this.#tickCameAt = performance.now()
          this.#afterBatch()
        })
        break
    }
  }

  #then(step: () => void | Promise<void>): void {
    this.#work = this.#work.then(step).catch((error: unknown) => console.error(error))
  }

  #afterBatch(): void {
    // One that failed or was cancelled has had no more ticks than it came to, of those that it was to have.
    const { completion } = this.#store
    if (completion?.status === 'completed') this.#totalTicks = completion.total_ticks || this.#totalTicks
    if (this.#store.series.hasHole) void this.#fetchHistory()
    if (this.#store.completion === null) this.#loop.markDirty()
    else this.#finish()
  }

  #takeLine(line: Line): void {
    this.#line = line
    this.#retryAt = line.retryIn === null ? null : performance.now() + line.retryIn
    this.#history.note(line, this.#store.newestTick, this.#store.state.event_id, performance.now())
    if (line.phase === 'ended') this.#finish()
    this.#loop.markDirty()
  }

  #finish(): void {
    clearInterval(this.#clock)
    this.#control.finish()
    this.#loop.flush()
  }

  #ended(): StatusFacts['ended'] {
    if (this.#store.completion !== null) return this.#store.completion.status
    // What the page knew when it was made; the stream has nothing to tell of a session that ended before its first event.
    const state = this.#setting('state')
    return state === 'failed' || state === 'cancelled' || state === 'completed' ? state : null
  }

  #takeDocument(session: SessionDocument): void {
    this.#totalTicks = session.total_ticks ?? this.#totalTicks
    this.#queuePosition = session.queue_position ?? null
    // The stream says how a session ended, unless it ended before its first event.
    if (this.#line.phase === 'ended') {
      this.#page.dataset['state'] = session.state
      this.#page.dataset['error'] = session.error ?? ''
    }
    this.#loop.markDirty()
  }

  /** Fetch the day so far, until it reaches the ticks that came live. */
  async #fetchHistory(): Promise<void> {
    if (this.#isFetchingHistory) return
    this.#isFetchingHistory = true
    if (this.#seriesAnswer === 'none') this.#seriesAnswer = 'reading'
    try {
      const { columns } = await this.#fetchSeries('')
      this.#store.series.merge(columns)
      this.#seriesAnswer = 'read'
      this.#showHistoryFault(null)
    } catch (error) {
      this.#seriesAnswer = stateAfter(error)
      this.#showHistoryFault(sentenceOf(error))
    }
    this.#desk.seriesChanged()
    this.#loop.flush()
    setTimeout(() => {
      this.#isFetchingHistory = false
      if (this.#store.series.hasHole) void this.#fetchHistory()
    }, HISTORY_RETRY_MS)
  }

  async #fetchPrices(symbols: readonly string[]): Promise<void> {
    const query = new URLSearchParams({ symbols: symbols.join(',') })
    const { columns, prices = {}, guards = [], through_tick: through } = await this.#fetchSeries(`?${query}`)
    for (const [symbol, column] of Object.entries(prices)) this.#store.series.mergePrices(symbol, columns.tick, column)
    const first = columns.tick[0] ?? 1
    this.#store.guards.merge(guards, through, (tick) => columns.time[tick - first] ?? Number.NaN)
    this.#loop.flush()
  }

  async #fetchSeries(query: string): Promise<SeriesDocument> {
    return readJson<SeriesDocument>(this.#setting('seriesUrl') + query)
  }

  #showHistoryFault(fault: string | null): void {
    const node = byId('chart-fault')
    setHidden(node, fault === null)
    setText(node, fault === null ? '' : `The charts begin where this page joined. ${fault} It is tried again.`)
  }

  #setting(name: string): string {
    return this.#page.dataset[name] ?? ''
  }
}

const page = byId('session')
if (page !== null) new SessionPage(page).start()
