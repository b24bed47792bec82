/**
 * The day so far as three columns: time, price of the underlying, total P&L.
 *
 * Tick n stands at index n − 1. What is drawn is the run without holes that ends with the newest tick; history from the
 * series endpoint, in any order with the live ticks, closes the hole before it.
 */

export interface SeriesColumns {
  readonly tick: readonly number[]
  /** Unix seconds. */
  readonly time: readonly number[]
  readonly underlying: readonly (number | string | null)[]
  readonly total_pnl: readonly (number | string | null)[]
}

export interface SeriesView {
  readonly times: Float64Array
  readonly prices: Float64Array
  readonly pnls: Float64Array
}

const FIRST_CAPACITY = 4096

export class TickSeries {
  /** Newest tick held; 0 when there is none. */
  last = 0
  /** First tick of the run without holes that ends with `last`; 1 when the day is whole so far. */
  first = 1

  #times = new Float64Array(FIRST_CAPACITY)
  #prices = new Float64Array(FIRST_CAPACITY)
  #pnls = new Float64Array(FIRST_CAPACITY)

  get length(): number {
    return this.last === 0 ? 0 : this.last - this.first + 1
  }

  /** Whether ticks before the drawn run are missing. */
  get hasHole(): boolean {
    return this.last > 0 && this.first > 1
  }

  /** Take a tick as it arrives. One that is already there changes nothing. */
  append(tick: number, time: number, price: number, pnl: number): void {
    if (tick <= this.last) return
    if (tick !== this.last + 1) this.first = tick
    this.#write(tick, time, price, pnl)
    this.last = tick
  }

  /** Take history. Returns false when it ends before the drawn run begins, so that a hole remains. */
  merge(columns: SeriesColumns): boolean {
    let expected = columns.tick[0] ?? 0
    if (expected !== 1) return !this.hasHole
    for (let index = 0; index < columns.tick.length; index += 1) {
      const tick = columns.tick[index] ?? Number.NaN
      if (tick !== expected) break
      expected += 1
      const isDrawnAlready = this.last > 0 && tick >= this.first && tick <= this.last
      if (isDrawnAlready) continue
      this.#write(tick, columns.time[index] ?? Number.NaN, toNumber(columns.underlying[index]), toNumber(columns.total_pnl[index]))
    }
    const through = expected - 1
    if (this.last > 0 && through < this.first - 1) return false
    this.first = 1
    this.last = Math.max(this.last, through)
    return true
  }

  /** The drawn run. The arrays are windows on the columns: read them before the next tick, do not keep them. */
  view(): SeriesView {
    const from = this.first - 1
    return {
      times: this.#times.subarray(from, this.last),
      prices: this.#prices.subarray(from, this.last),
      pnls: this.#pnls.subarray(from, this.last),
    }
  }

  #write(tick: number, time: number, price: number, pnl: number): void {
    const index = tick - 1
    if (index >= this.#times.length) this.#grow(index + 1)
    this.#times[index] = time
    // A second without a price of the underlying repeats the one before, so that the line has no hole.
    this.#prices[index] = Number.isNaN(price) && index > 0 ? (this.#prices[index - 1] ?? Number.NaN) : price
    this.#pnls[index] = pnl
  }

  #grow(needed: number): void {
    const capacity = Math.max(needed, this.#times.length * 2)
    const grown = (column: Float64Array): Float64Array<ArrayBuffer> => {
      const copy = new Float64Array(capacity)
      copy.set(column)
      return copy
    }
    this.#times = grown(this.#times)
    this.#prices = grown(this.#prices)
    this.#pnls = grown(this.#pnls)
  }
}

/** The value at a time (unix seconds) or just before it; NaN outside the columns. `times` ascends. */
export function valueAt(times: Float64Array, values: Float64Array, time: number): number {
  let low = 0
  let high = times.length - 1
  if (high < 0 || time < (times[0] ?? 0) || time > (times[high] ?? 0)) return Number.NaN
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((times[middle] ?? 0) <= time) low = middle
    else high = middle - 1
  }
  return values[low] ?? Number.NaN
}

function toNumber(value: number | string | null | undefined): number {
  return value == null ? Number.NaN : Number(value)
}
