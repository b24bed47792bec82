/**
 * The day so far as columns: time, total P&L, the underlying's price, and the prices of the contracts that are looked at.
 *
 * Tick n stands at index n − 1. What is drawn is the run without holes that ends with the newest tick; history from the
 * series endpoint, in any order with the live ticks, closes the hole before it. A contract's prices are held from when it
 * is followed on, for the stream quotes dozens that nobody looks at; what lies before may be asked for later: each column
 * knows by itself what it lacks.
 */

import type { Batch } from './digest.ts'

type Numbers = readonly (number | string | null)[]

/** What GET …/series/ gives. */
export interface SeriesColumns {
  readonly tick: readonly number[]
  /** Unix seconds. */
  readonly time: readonly number[]
  readonly underlying: Numbers
  readonly total_pnl: Numbers
}

export interface SeriesView {
  readonly times: Float64Array
  readonly prices: Float64Array
  readonly pnls: Float64Array
}

/** A symbol's prices on the day's clock: from its first price on. */
export interface PriceView {
  readonly times: Float64Array
  readonly prices: Float64Array
}

const FIRST_CAPACITY = 4096

export class TickSeries {
  /** Newest tick held; 0 when there is none. */
  last = 0
  /** First tick of the run without holes that ends with `last`; 1 when the day is whole so far. */
  first = 1

  readonly #underlying: string
  #times = new Float64Array(FIRST_CAPACITY)
  #pnls = new Float64Array(FIRST_CAPACITY)
  readonly #prices = new Map<string, Float64Array<ArrayBuffer>>()

  constructor(underlying: string) {
    this.#underlying = underlying
    this.follow(underlying)
  }

  get length(): number {
    return this.last === 0 ? 0 : this.last - this.first + 1
  }

  /** Whether ticks before the drawn run are missing. */
  get hasHole(): boolean {
    return this.last > 0 && this.first > 1
  }

  /** Hold a symbol's prices from now on. */
  follow(symbol: string): void {
    this.#column(symbol)
  }

  /** Take ticks as they arrived. One that is already there changes nothing. */
  append(batch: Omit<Batch, 'frames'>): void {
    const columns = new Map<string, Float64Array | null>([...this.#prices.keys()].map((symbol) => [symbol, null]))
    for (const { symbol, values } of batch.prices) if (columns.has(symbol)) columns.set(symbol, values)
    batch.ticks.forEach((tick, row) => {
      if (tick <= this.last) return
      if (tick !== this.last + 1) this.first = tick
      this.#write(tick, batch.times[row] ?? Number.NaN, batch.pnls[row] ?? Number.NaN)
      this.last = tick
      for (const [symbol, values] of columns) this.#writePrice(symbol, tick, values?.[row] ?? Number.NaN)
    })
  }

  /** Take history. Returns false when it ends before the drawn run begins, so that a hole remains. */
  merge(columns: SeriesColumns): boolean {
    let expected = columns.tick[0] ?? 0
    if (expected !== 1) return !this.hasHole
    for (let row = 0; row < columns.tick.length; row += 1) {
      const tick = columns.tick[row] ?? Number.NaN
      if (tick !== expected) break
      expected += 1
      const isDrawnAlready = this.last > 0 && tick >= this.first && tick <= this.last
      if (isDrawnAlready) continue
      this.#write(tick, columns.time[row] ?? Number.NaN, toNumber(columns.total_pnl[row]))
      this.#writePrice(this.#underlying, tick, toNumber(columns.underlying[row]))
    }
    const through = expected - 1
    if (this.last > 0 && through < this.first - 1) return false
    this.first = 1
    this.last = Math.max(this.last, through)
    return true
  }

  /** Take a contract's history. Prices that came live are the same ones, so either may come first. */
  mergePrices(symbol: string, ticks: readonly number[], prices: Numbers): void {
    ticks.forEach((tick, row) => this.#writePrice(symbol, tick, toNumber(prices[row])))
  }

  /** The drawn run. The arrays are windows on the columns: they do not grow with them, so do not keep them for long. */
  view(): SeriesView {
    const from = this.first - 1
    return {
      times: this.#times.subarray(from, this.last),
      prices: this.#column(this.#underlying).subarray(from, this.last),
      pnls: this.#pnls.subarray(from, this.last),
    }
  }

  /** A symbol's part of the drawn run: what has no hole and ends with the newest tick. Empty where there is none. */
  priceView(symbol: string): PriceView {
    const column = this.#prices.get(symbol)
    if (column === undefined) return { times: this.#times.subarray(0, 0), prices: this.#times.subarray(0, 0) }
    let from = this.last
    while (from >= this.first && !Number.isNaN(column[from - 1] ?? Number.NaN)) from -= 1
    return { times: this.#times.subarray(from, this.last), prices: column.subarray(from, this.last) }
  }

  /** Unix seconds of a tick; NaN where it is not held. */
  timeOf(tick: number): number {
    return tick >= this.first && tick <= this.last ? (this.#times[tick - 1] ?? Number.NaN) : Number.NaN
  }

  /** The newest tick that is not after a time; 0 where there is none. */
  tickAt(time: number): number {
    const { times } = this.view()
    const index = indexAt(times, time)
    return index < 0 ? 0 : this.first + index
  }

  #column(symbol: string): Float64Array<ArrayBuffer> {
    let column = this.#prices.get(symbol)
    if (column === undefined) {
      column = new Float64Array(this.#times.length).fill(Number.NaN)
      this.#prices.set(symbol, column)
    }
    return column
  }

  #write(tick: number, time: number, pnl: number): void {
    if (tick > this.#times.length) this.#grow(tick)
    this.#times[tick - 1] = time
    this.#pnls[tick - 1] = pnl
  }

  #writePrice(symbol: string, tick: number, price: number): void {
    if (tick > this.#times.length) this.#grow(tick)
    const column = this.#column(symbol)
    // A second without a price repeats the one before, so that the line has no hole.
    if (!Number.isNaN(price)) column[tick - 1] = price
    else if (tick > 1 && Number.isNaN(column[tick - 1] ?? Number.NaN)) column[tick - 1] = column[tick - 2] ?? Number.NaN
  }

  #grow(needed: number): void {
    const capacity = Math.max(needed, this.#times.length * 2)
    const grown = (column: Float64Array, filling: number): Float64Array<ArrayBuffer> => {
      const copy = new Float64Array(capacity).fill(filling)
      copy.set(column)
      return copy
    }
    this.#times = grown(this.#times, 0)
    this.#pnls = grown(this.#pnls, 0)
    for (const [symbol, column] of this.#prices) this.#prices.set(symbol, grown(column, Number.NaN))
  }
}

/** The last place whose time is not after the given one; −1 where all are. `times` ascends. */
export function indexAt(times: ArrayLike<number>, time: number): number {
  let low = 0
  let high = times.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((times[middle] ?? 0) <= time) low = middle + 1
    else high = middle
  }
  return low - 1
}

/** The value at a time (unix seconds) or just before it; NaN outside the columns. `times` ascends. */
export function valueAt(times: Float64Array, values: Float64Array, time: number): number {
  if (times.length === 0 || time > (times.at(-1) ?? 0)) return Number.NaN
  return values[indexAt(times, time)] ?? Number.NaN
}

function toNumber(value: number | string | null | undefined): number {
  return value == null ? Number.NaN : Number(value)
}
