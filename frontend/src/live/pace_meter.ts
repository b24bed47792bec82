/** How fast the session runs: market seconds per second, over the last few seconds. */

const WINDOW_MS = 3_000

export class PaceMeter {
  #samples: { readonly at: number; readonly tick: number }[] = []

  /** Note the newest tick at a time (milliseconds, any clock that only goes forward). */
  note(tick: number, at: number): void {
    const newest = this.#samples.at(-1)
    if (newest !== undefined && at - newest.at < 100) return
    this.#samples.push({ at, tick })
    while (this.#samples.length > 2 && at - (this.#samples[1]?.at ?? at) > WINDOW_MS) this.#samples.shift()
  }

  /** NaN until half a second has been measured. */
  get ticksPerSecond(): number {
    const oldest = this.#samples[0]
    const newest = this.#samples.at(-1)
    if (oldest === undefined || newest === undefined || newest.at - oldest.at < 500) return Number.NaN
    return ((newest.tick - oldest.tick) * 1000) / (newest.at - oldest.at)
  }
}
