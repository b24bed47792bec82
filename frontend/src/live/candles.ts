/**
 * Candles of a line of prices: open, high, low and close of every span of some seconds, kept up with as the line grows.
 */

export interface CandleColumns {
  /** Unix seconds at which each candle begins. */
  readonly times: Float64Array
  readonly opens: Float64Array
  readonly highs: Float64Array
  readonly lows: Float64Array
  readonly closes: Float64Array
}

export class Candles {
  readonly #seconds: number
  #times: number[] = []
  #opens: number[] = []
  #highs: number[] = []
  #lows: number[] = []
  #closes: number[] = []
  #firstTime = Number.NaN
  #taken = 0
  #columns: CandleColumns | null = null

  constructor(seconds: number) {
    this.#seconds = seconds
  }

  /** The candles of a line. Only what was added since the last call is read, as long as it begins at the same time. */
  of(times: Float64Array, prices: Float64Array): CandleColumns {
    if (times[0] !== this.#firstTime || times.length < this.#taken) this.#begin(times[0] ?? Number.NaN)
    if (this.#columns !== null && times.length === this.#taken) return this.#columns
    for (; this.#taken < times.length; this.#taken += 1) {
      const price = prices[this.#taken] ?? Number.NaN
      if (!Number.isNaN(price)) this.#add(times[this.#taken] ?? Number.NaN, price)
    }
    this.#columns = {
      times: Float64Array.from(this.#times),
      opens: Float64Array.from(this.#opens),
      highs: Float64Array.from(this.#highs),
      lows: Float64Array.from(this.#lows),
      closes: Float64Array.from(this.#closes),
    }
    return this.#columns
  }

  #begin(firstTime: number): void {
    this.#firstTime = firstTime
    this.#taken = 0
    this.#columns = null
    for (const column of [this.#times, this.#opens, this.#highs, this.#lows, this.#closes]) column.length = 0
  }

  #add(time: number, price: number): void {
    const start = Math.floor(time / this.#seconds) * this.#seconds
    const last = this.#times.length - 1
    if (this.#times[last] !== start) {
      this.#times.push(start)
      for (const column of [this.#opens, this.#highs, this.#lows, this.#closes]) column.push(price)
      return
    }
    this.#highs[last] = Math.max(this.#highs[last] ?? price, price)
    this.#lows[last] = Math.min(this.#lows[last] ?? price, price)
    this.#closes[last] = price
  }
}
