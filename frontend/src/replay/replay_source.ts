/**
 * States of earlier ticks, from the server: at once for the tick that is looked at, in stretches for what is played.
 *
 * While the reader drags, one question is under way at a time and the newest wish is asked next; the ones between are
 * never asked. Where the reader stays or plays, a window around the place is fetched, so that steps need no server.
 */

import { unpackMessage, type Diagnostics, type PackedMessage, type TradesDocument, type ViewerState } from 'backtest-stream'
import { readJson, sentenceOf, stateAfter } from '../live/answers.ts'
import { ReplayWindow } from './replay_window.ts'

/** Ticks of one request for events; the server gives at most this many. */
const WINDOW = 600
/** How many of them lie before the place that is looked at: steps back are as likely as steps on. */
const BEFORE = 240
/** When so few ticks are left in the window, the next one is fetched. */
const NEARLY_OUT = 300
/** How long the reader stays at a place before its surroundings are worth fetching. */
const SETTLED_MS = 150
/** How soon a question that failed is asked again. */
const RETRY_MS = 1_000

interface StateDocument {
  readonly tick: number
  readonly event_id: number
  readonly diagnostics: Diagnostics
  readonly trades: TradesDocument
}

interface EventsDocument {
  readonly events: readonly { readonly event: PackedMessage['event']; readonly data: unknown }[]
}

export class ReplaySource {
  readonly #apiUrl: string
  readonly #revision: string
  readonly #onState: () => void
  #window: ReplayWindow | null = null
  #next: Promise<ReplayWindow> | null = null
  #shown: { readonly tick: number; readonly state: ViewerState } | null = null
  #wish: number | null = null
  #asking: number | null = null
  #settling: ReturnType<typeof setTimeout> | undefined
  /** The tick whose question has just failed: it is left alone for a while. */
  #failed: number | null = null
  #retrying: ReturnType<typeof setTimeout> | undefined
  /** Why the last question was not answered, as a sentence; null where it was. */
  fault: string | null = null
  /** Whether it was refused: to ask again would not help. */
  isRefused = false

  /**
   * @param apiUrl Of the session, ends in a slash.
   * @param revision Of a session that has ended, so that the browser may keep the answers; else empty.
   * @param onState Called when there is a newer answer to `stateAt`.
   */
  constructor(apiUrl: string, revision: string, onState: () => void) {
    this.#apiUrl = apiUrl
    this.#revision = revision
    this.#onState = onState
  }

  /** The state at a tick; null while it is being fetched. `newest` is the last tick that the server has. */
  stateAt(tick: number, newest: number): ViewerState | null {
    const window = this.#window
    if (window?.has(tick) === true) {
      if (window.last - tick < NEARLY_OUT && window.last < newest) this.#prefetch(window.last)
      this.#wish = null
      return window.stateAt(tick)
    }
    if (this.#shown?.tick === tick) return this.#shown.state
    if (tick === this.#failed) return null
    if (tick !== this.#asking) this.#wish = tick
    void this.#ask()
    return null
  }

  /** The last state that was found, for the moment until the wanted one is there. */
  get latest(): ViewerState | null {
    return this.#shown?.state ?? null
  }

  async #ask(): Promise<void> {
    if (this.#asking !== null || this.#wish === null) return
    const tick = (this.#asking = this.#wish)
    this.#wish = null
    try {
      this.#shown = { tick, state: await this.#fetchState(tick) }
      this.fault = null
      this.isRefused = false
      this.#settle(tick)
    } catch (error) {
      this.fault = sentenceOf(error)
      this.isRefused = stateAfter(error) === 'refused'
      this.#leaveAlone(tick)
    }
    this.#asking = null
    this.#onState()
    if (this.#wish !== null) void this.#ask()
  }

  /** Every drawing asks for what it shows; a server in need is not to be asked as fast as it answers. */
  #leaveAlone(tick: number): void {
    this.#failed = tick
    clearTimeout(this.#retrying)
    if (this.isRefused) return
    this.#retrying = setTimeout(() => {
      this.#failed = null
      this.#onState()
    }, RETRY_MS)
  }

  #settle(tick: number): void {
    this.#settling ??= setTimeout(() => {
      this.#settling = undefined
      const now = this.#shown?.tick ?? tick
      // Still there, or played on a little: the stretch around it is worth having. Dragged far away: not yet.
      if (now >= tick && now - tick < WINDOW - BEFORE) void this.#fetchWindow(Math.max(1, now - BEFORE))
      else this.#settle(now)
    }, SETTLED_MS)
  }

  #prefetch(through: number): void {
    // From the end of this window: the reader plays on and needs little of what lies behind.
    if (this.#next === null) void this.#fetchWindow(Math.max(1, through - BEFORE))
  }

  async #fetchWindow(through: number): Promise<void> {
    if (this.#next !== null || this.#window?.first === through) return
    try {
      this.#next = this.#loadWindow(through)
      this.#window = await this.#next
      this.#onState()
    } catch {
      // What is looked at can still be asked tick by tick; that says what is wrong.
    }
    this.#next = null
  }

  async #loadWindow(through: number): Promise<ReplayWindow> {
    const known = this.#window?.has(through) === true ? this.#window.stateAt(through) : null
    const [base, answer] = await Promise.all([
      known ?? this.#fetchState(through),
      this.#fetch<EventsDocument>(`events/?from_tick=${through + 1}&to_tick=${through + WINDOW}`),
    ])
    const packed = answer.events.map(({ event, data }) => ({ event, data }) as PackedMessage)
    const messages = await Promise.all(
      packed.filter(({ event }) => event !== 'initial_state' && event !== 'backtest_complete').map(unpackMessage),
    )
    return new ReplayWindow(base, through, messages)
  }

  async #fetchState(tick: number): Promise<ViewerState> {
    const { event_id, diagnostics, trades } = await this.#fetch<StateDocument>(`state/?tick=${tick}`)
    return { event_id, diagnostics, trades }
  }

  async #fetch<Document>(path: string): Promise<Document> {
    const kept = this.#revision === '' ? '' : `&v=${this.#revision}`
    return readJson<Document>(this.#apiUrl + path + kept)
  }
}
