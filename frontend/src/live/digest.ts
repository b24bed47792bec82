/**
 * A stream of frames made thin enough for a page: every tick as numbers in columns, and only those frames whole that
 * change what the fold and the node panels show.
 *
 * A tick replaces the one before it, so of the ticks between two events only the newest has to be parsed. One thing of
 * the skipped ones does matter, the last evaluation of a node that stops being active; so the tick before every change of
 * the active nodes is kept as well, and so is every tick in which a stop or a target moves. Folding the kept frames gives
 * the fold of all of them.
 *
 * Knows no stream and no clock: give it frames, take a batch whenever one is wanted.
 */

import { parseMessage, type Frame, type TickUpdate } from 'backtest-stream'
import { parseTimestamp } from '../exchange_time.ts'
import { GUARD_FIELDS, GUARD_KINDS } from './guard_book.ts'
import { scanTick, type TickPoint } from './tick_scan.ts'

/** What came since the last batch. Typed arrays, so that it crosses from a worker to a page at little cost. */
export interface Batch {
  /** Columns of equal length, one entry for each tick that came. */
  readonly ticks: Float64Array
  readonly times: Float64Array
  readonly pnls: Float64Array
  /** One column for each symbol that had a price in any of the ticks; NaN where it had none. */
  readonly prices: readonly { readonly symbol: string; readonly values: Float64Array }[]
  /** The frames that have to be folded, in order. */
  readonly frames: readonly Frame[]
}

export class Digest {
  #points: TickPoint[] = []
  #frames: Frame[] = []
  /** The newest tick while it is not among the frames yet. */
  #pending: Frame | null = null
  #activeNodes = ''
  #guards = ''

  get isEmpty(): boolean {
    return this.#points.length === 0 && this.#frames.length === 0
  }

  take(frames: readonly Frame[]): void {
    for (const frame of frames) {
      if (frame.event === 'tick_update') this.#takeTick(frame)
      else {
        this.#keepPending()
        this.#frames.push(frame)
      }
    }
  }

  /** Everything that came since the last call. */
  flush(): Batch {
    this.#keepPending()
    const points = this.#points
    const batch: Batch = {
      ticks: Float64Array.from(points, (point) => point.tick),
      times: Float64Array.from(points, (point) => point.time),
      pnls: Float64Array.from(points, (point) => point.totalPnl),
      prices: priceColumns(points),
      frames: this.#frames,
    }
    this.#points = []
    this.#frames = []
    return batch
  }

  #takeTick(frame: Frame): void {
    const point = scanTick(frame.data) ?? parsePoint(frame.data)
    if (point === null) return
    if (point.activeNodes !== this.#activeNodes) {
      this.#keepPending()
      this.#activeNodes = point.activeNodes
    }
    this.#pending = frame
    this.#points.push(point)
    if (point.guards !== this.#guards) {
      this.#guards = point.guards
      this.#keepPending()
    }
  }

  #keepPending(): void {
    if (this.#pending !== null) this.#frames.push(this.#pending)
    this.#pending = null
  }
}

/** A tick's point from its parsed message. */
export function pointOf(tick: TickUpdate): TickPoint {
  return {
    tick: tick.tick,
    time: parseTimestamp(tick.timestamp),
    prices: Object.entries(tick.ltp).map(([symbol, { ltp }]) => ({ symbol, price: ltp })),
    totalPnl: Number(tick.pnl_summary.total_pnl),
    activeNodes: JSON.stringify(tick.active_nodes),
    guards: tick.open_positions
      .map((position) => GUARD_KINDS.map((kind) => position[GUARD_FIELDS[kind]] ?? '').join(' ').trim())
      .join(' ')
      .trim(),
  }
}

function parsePoint(data: string): TickPoint | null {
  const message = parseMessage('tick_update', data)
  return message?.event === 'tick_update' ? pointOf(message.data) : null
}

function priceColumns(points: readonly TickPoint[]): Batch['prices'] {
  const columns = new Map<string, Float64Array>()
  points.forEach((point, row) => {
    for (const { symbol, price } of point.prices) {
      let column = columns.get(symbol)
      if (column === undefined) columns.set(symbol, (column = new Float64Array(points.length).fill(Number.NaN)))
      column[row] = price
    }
  })
  return [...columns].map(([symbol, values]) => ({ symbol, values }))
}
