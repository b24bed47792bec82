/**
 * What the page knows of its session: the fold of the stream, kept up with at any speed.
 *
 * Ticks are folded late: each gives its point to the series as it comes, but only the newest is parsed, once a frame is
 * about to be drawn. That is the same state, for a tick replaces the one before. One thing of the skipped ticks does
 * matter, the last evaluation of a node that stops being active; so the tick before every change of the active nodes is
 * parsed as well. Everything else is folded at once and in order.
 */

import {
  EMPTY_STATE,
  fold,
  parseMessage,
  unpackMessage,
  type Frame,
  type Message,
  type PackedCompletion,
  type TickUpdate,
  type Unpacked,
  type ViewerState,
} from 'backtest-stream'
import { parseTimestamp } from '../exchange_time.ts'
import { remember, rememberState, rememberTick, type Evaluations } from './evaluations.ts'
import { scanTick, type TickPoint } from './tick_scan.ts'
import { TickSeries } from './tick_series.ts'

export type Completion = Pick<Unpacked<PackedCompletion>, 'status' | 'total_ticks'> & { readonly error: string | null }

export class SessionStore {
  readonly series = new TickSeries()
  /** How the session ended; null until it has. */
  completion: Completion | null = null
  /** Newest tick of which anything came, parsed or not; 0 before the first. */
  newestTick = 0
  /** Counts node events and trades that came, so that a panel can tell whether to draw again. */
  revision = 0

  readonly #underlying: string
  #state: ViewerState = EMPTY_STATE
  #evaluations: Evaluations = new Map()
  /** Data of the newest tick while it is not parsed yet. */
  #pending: string | null = null
  #activeNodes = ''

  constructor(underlying: string) {
    this.#underlying = underlying
  }

  /** The fold of everything that came. Parses the newest tick if it has not been yet. */
  get state(): ViewerState {
    this.#foldPending()
    return this.#state
  }

  /** The newest evaluation of every node that was ever evaluated. */
  get evaluations(): Evaluations {
    this.#foldPending()
    return this.#evaluations
  }

  get currentTick(): TickUpdate | null {
    return this.state.diagnostics.current_state
  }

  /** Take frames in order. Asynchronous only where a snapshot must be opened. */
  async ingest(frames: readonly Frame[]): Promise<void> {
    for (const frame of frames) {
      if (frame.event === 'tick_update') {
        this.#takeTick(frame.data)
        continue
      }
      const packed = parseMessage(frame.event, frame.data)
      if (packed !== null) this.#take(await unpackMessage(packed))
    }
  }

  #takeTick(data: string): void {
    const point = scanTick(data, this.#underlying) ?? this.#parsePoint(data)
    if (point === null) return
    if (point.activeNodes !== this.#activeNodes) {
      this.#foldPending()
      this.#activeNodes = point.activeNodes
    }
    this.#pending = data
    this.newestTick = Math.max(this.newestTick, point.tick)
    this.series.append(point.tick, point.time, point.underlying, point.totalPnl)
  }

  #foldPending(): void {
    const data = this.#pending
    if (data === null) return
    this.#pending = null
    const message = parseMessage('tick_update', data)
    if (message === null || message.event !== 'tick_update') return
    this.#state = fold(this.#state, message)
    rememberTick(this.#evaluations, message.data)
  }

  #take(message: Message): void {
    // In the order of the stream: the tick first, then what it brought about.
    this.#foldPending()
    this.#state = fold(this.#state, message)
    this.revision += 1
    switch (message.event) {
      case 'node_event':
        remember(this.#evaluations, message.data, message.data.timestamp)
        break
      case 'initial_state':
        this.#takeSnapshot()
        break
      case 'backtest_complete':
        this.#takeSnapshot()
        this.completion = {
          status: message.data.status,
          total_ticks: message.data.total_ticks,
          error: message.data.error ?? null,
        }
        break
      case 'tick_update':
      case 'trade_update':
        break
    }
  }

  #takeSnapshot(): void {
    // What ticks told of nodes that have since gone silent stands in no snapshot; keep it.
    rememberState(this.#evaluations, this.#state)
    const tick = this.#state.diagnostics.current_state
    if (tick === null) return
    const point = pointOf(tick, this.#underlying)
    this.newestTick = tick.tick
    this.series.append(point.tick, point.time, point.underlying, point.totalPnl)
  }

  #parsePoint(data: string): TickPoint | null {
    const message = parseMessage('tick_update', data)
    return message?.event === 'tick_update' ? pointOf(message.data, this.#underlying) : null
  }
}

function pointOf(tick: TickUpdate, underlying: string): TickPoint {
  return {
    tick: tick.tick,
    time: parseTimestamp(tick.timestamp),
    underlying: tick.ltp[underlying]?.ltp ?? Number.NaN,
    totalPnl: Number(tick.pnl_summary.total_pnl),
    activeNodes: JSON.stringify(tick.active_nodes),
  }
}
