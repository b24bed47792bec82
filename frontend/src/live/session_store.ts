/**
 * What the page knows of its session as it is now: the fold of the stream, and the day so far in columns.
 *
 * It takes batches (see digest.ts), in which of the skipped ticks only the numbers are left; the fold is the same.
 */

import {
  EMPTY_STATE,
  fold,
  parseMessage,
  unpackMessage,
  type Message,
  type PackedCompletion,
  type Unpacked,
  type ViewerState,
} from 'backtest-stream'
import { pointOf, type Batch } from './digest.ts'
import { remember, rememberState, rememberTick, type Evaluations } from './evaluations.ts'
import { GuardBook } from './guard_book.ts'
import { TickSeries } from './tick_series.ts'

export type Completion = Pick<Unpacked<PackedCompletion>, 'status' | 'total_ticks'> & { readonly error: string | null }

export class SessionStore {
  readonly series: TickSeries
  readonly guards = new GuardBook()
  /** How the session ended; null until it has. */
  completion: Completion | null = null
  /** Newest tick of which anything came; 0 before the first. */
  newestTick = 0
  /** Counts node events and trades that came, so that a panel can tell whether to draw again. */
  revision = 0
  /** The fold of everything that came. */
  state: ViewerState = EMPTY_STATE
  /** The newest evaluation of every node that was ever evaluated. */
  readonly evaluations: Evaluations = new Map()

  constructor(underlying: string) {
    this.series = new TickSeries(underlying)
  }

  /** Take what came. Asynchronous only where a snapshot must be opened. */
  async ingest(batch: Batch): Promise<void> {
    const hasSnapshot = batch.frames.some(({ event }) => event === 'initial_state')
    if (!hasSnapshot) this.series.append(batch)
    for (const frame of batch.frames) {
      const packed = parseMessage(frame.event, frame.data)
      if (packed !== null) this.#take(await unpackMessage(packed))
    }
    // The tick inside a snapshot stands before those that came after it.
    if (hasSnapshot) this.series.append(batch)
    this.newestTick = Math.max(this.newestTick, batch.ticks.at(-1) ?? 0)
  }

  /** Begin with what somebody else has folded already. */
  begin(state: ViewerState, completion: Completion | null): void {
    this.state = state
    this.completion = completion
    this.revision += 1
    this.#takeSnapshot()
  }

  #take(message: Message): void {
    this.state = fold(this.state, message)
    if (message.event !== 'tick_update') this.revision += 1
    switch (message.event) {
      case 'tick_update':
        rememberTick(this.evaluations, message.data)
        this.guards.add(message.data)
        break
      case 'node_event':
        remember(this.evaluations, message.data, message.data.timestamp)
        break
      case 'initial_state':
        this.#takeSnapshot()
        break
      case 'backtest_complete':
        this.completion = completionOf(message.data)
        this.#takeSnapshot()
        break
      case 'trade_update':
        break
    }
  }

  #takeSnapshot(): void {
    // What ticks told of nodes that have since gone silent stands in no snapshot; keep it.
    rememberState(this.evaluations, this.state)
    const tick = this.state.diagnostics.current_state
    if (tick === null) return
    this.newestTick = tick.tick
    this.series.append(oneTick(tick))
    this.guards.add(tick)
  }
}

export function completionOf({ status, total_ticks, error }: Unpacked<PackedCompletion>): Completion {
  return { status, total_ticks, error: error ?? null }
}

function oneTick(tick: Parameters<typeof pointOf>[0]): Omit<Batch, 'frames'> {
  const { time, totalPnl, prices } = pointOf(tick)
  return {
    ticks: Float64Array.of(tick.tick),
    times: Float64Array.of(time),
    pnls: Float64Array.of(totalPnl),
    prices: prices.map(({ symbol, price }) => ({ symbol, values: Float64Array.of(price) })),
  }
}
