/**
 * What the panels show: the session at one tick, the newest one or an earlier one that the reader looks at.
 *
 * One clock for all of them. A panel asks here, never the store, so that no two panels can disagree about the time.
 */

import type { OpenPosition, ViewerState } from 'backtest-stream'
import { rememberState, type Evaluations } from './live/evaluations.ts'
import type { MomentFacts } from './live/panel_faces.ts'
import type { SessionStore } from './live/session_store.ts'
import { tradeMarks, type TradeMarks } from './live/trade_markers.ts'
import { AT_NEWEST, tickShown, type Playhead } from './replay/playhead.ts'
import type { ReplaySource } from './replay/replay_source.ts'

const NO_FAULT = { fault: null, isRefused: false } as const
const NO_POSITIONS: readonly OpenPosition[] = []

export class SessionView {
  readonly store: SessionStore
  head: Playhead = AT_NEWEST
  readonly #source: ReplaySource
  #marks: { readonly trades: unknown; readonly positions: string; readonly guards: number; readonly marks: TradeMarks } | null = null
  #evaluations: { readonly state: ViewerState; readonly evaluations: Evaluations } | null = null

  constructor(store: SessionStore, source: ReplaySource) {
    this.store = store
    this.#source = source
  }

  /** Whether the newest tick is followed. */
  get isFollowing(): boolean {
    return this.head.tick === null
  }

  /** The tick that is shown; 0 before the first. */
  get tick(): number {
    return tickShown(this.head, this.store.newestTick)
  }

  /** Unix seconds of that tick; NaN where it is not known. */
  get time(): number {
    return this.store.series.timeOf(this.tick)
  }

  /** The state at that tick; while it is fetched, the last one that was found. */
  get state(): ViewerState {
    if (this.head.tick === null) return this.store.state
    return this.#source.stateAt(this.head.tick, this.store.newestTick) ?? this.#source.latest ?? this.store.state
  }

  /** Whether `state` is that of the tick that is shown, not one on the way to it. */
  get isExact(): boolean {
    return this.head.tick === null || this.state.diagnostics.current_state?.tick === this.head.tick
  }

  /** How the moment stands that is looked at. */
  get moment(): MomentFacts {
    const { isFollowing, isExact } = this
    const { fault, isRefused } = isFollowing || isExact ? NO_FAULT : this.#source
    return { isFollowing, isExact, fault, isRefused }
  }

  get openPositions(): readonly OpenPosition[] {
    return this.state.diagnostics.current_state?.open_positions ?? NO_POSITIONS
  }

  /** The newest evaluation of each node, as far as it was evaluated by then. */
  get evaluations(): Evaluations {
    if (this.head.tick === null) return this.store.evaluations
    const { state } = this
    if (this.#evaluations?.state !== state) {
      const evaluations: Evaluations = new Map()
      rememberState(evaluations, state)
      this.#evaluations = { state, evaluations }
    }
    return this.#evaluations.evaluations
  }

  /** All trades that the page knows of, also those after the tick that is shown: the charts show them as what is to come. */
  get marks(): TradeMarks {
    const { state, guards } = this.store
    const open = state.diagnostics.current_state?.open_positions ?? NO_POSITIONS
    const positions = open.map((position) => position.position_id + (position.entry_time ?? '')).join()
    const isSame = this.#marks?.trades === state.trades && this.#marks.positions === positions && this.#marks.guards === guards.revision
    if (!isSame || this.#marks === null) {
      const marks = tradeMarks(state.trades.trades, open, (position) => guards.of(position))
      this.#marks = { trades: state.trades, positions, guards: guards.revision, marks }
    }
    return this.#marks.marks
  }
}
