/**
 * A stretch of a session in memory: the state at its beginning, and every message after that. The state at any tick of it
 * is the fold of the one with the others, so it is what a live viewer had then, whichever way the reader came.
 */

import { fold, type Message, type ViewerState } from 'backtest-stream'

export class ReplayWindow {
  readonly #base: ViewerState
  readonly #messages: readonly Message[]
  /** Place after the last message of each tick, by the tick's distance from the first. */
  readonly #ends: number[] = []
  readonly first: number
  /** Folded so far, so that playing on folds each message once. */
  #state: ViewerState
  #folded = 0

  /**
   * @param base State at the end of tick `through`; 0 means before the first tick.
   * @param messages All messages after it, in order, up to the end of some later tick.
   */
  constructor(base: ViewerState, through: number, messages: readonly Message[]) {
    this.#base = base
    this.#state = base
    this.#messages = messages
    this.first = through
    messages.forEach((message, place) => {
      if (message.event === 'tick_update') this.#ends.push(place + 1)
      else if (this.#ends.length > 0) this.#ends[this.#ends.length - 1] = place + 1
    })
  }

  /** The last tick whose state is here; whoever wants a later one needs another window. */
  get last(): number {
    return this.first + this.#ends.length
  }

  has(tick: number): boolean {
    return tick >= this.first && tick <= this.last
  }

  /** The state at the end of a tick of this window. */
  stateAt(tick: number): ViewerState {
    if (!this.has(tick)) throw new RangeError(`Tick ${tick} is not between ${this.first} and ${this.last}.`)
    const end = tick === this.first ? 0 : (this.#ends[tick - this.first - 1] ?? 0)
    if (end < this.#folded) {
      this.#state = this.#base
      this.#folded = 0
    }
    for (; this.#folded < end; this.#folded += 1) this.#state = fold(this.#state, this.#messages[this.#folded] as Message)
    return this.#state
  }
}
