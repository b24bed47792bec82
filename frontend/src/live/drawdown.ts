/** How far the P&L stands below its highest so far, kept up with as the day grows. Zero or less. */
export class Drawdown {
  #values = new Float64Array(4096)
  #taken = 0
  #high = 0
  #firstTime = Number.NaN

  /** The drawdown of every tick of a run; the P&L before the first tick counts as zero. */
  of(times: Float64Array, pnls: Float64Array): Float64Array {
    if (times[0] !== this.#firstTime || pnls.length < this.#taken) {
      this.#firstTime = times[0] ?? Number.NaN
      this.#taken = 0
      this.#high = 0
    }
    if (pnls.length > this.#values.length) this.#grow(pnls.length)
    for (; this.#taken < pnls.length; this.#taken += 1) {
      const pnl = pnls[this.#taken] ?? 0
      if (pnl > this.#high) this.#high = pnl
      this.#values[this.#taken] = pnl - this.#high
    }
    return this.#values.subarray(0, pnls.length)
  }

  #grow(needed: number): void {
    const grown = new Float64Array(Math.max(needed, this.#values.length * 2))
    grown.set(this.#values)
    this.#values = grown
  }
}
