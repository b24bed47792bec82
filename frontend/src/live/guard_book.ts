/**
 * Where stops and targets stood, as steps: each holds from its tick until the next one.
 *
 * Live ticks add what changed in them; history from the series endpoint, in any order with them, tells what came before.
 * Charts keep the steps and draw them as they grow, so that a trailing stop that moves makes nothing anew.
 */

import type { OpenPosition, TickUpdate } from 'backtest-stream'
import { parseTimestamp } from '../exchange_time.ts'
import { indexAt } from './tick_series.ts'

/** Names as the stream has them; "trail" is a trailing stop. */
export const GUARD_FIELDS = { stop: 'stop_loss_price', target: 'take_profit_price', trail: 'trailing_stop_price' } as const
export type GuardKind = keyof typeof GUARD_FIELDS
export const GUARD_KINDS: readonly GuardKind[] = ['stop', 'target', 'trail']

/** One level of one position. */
export interface LevelSteps {
  /** Unix seconds, ascending. */
  readonly times: readonly number[]
  /** Price from then on; NaN where there is none. */
  readonly prices: readonly number[]
}

/** A position's stops and targets in `guards` of GET …/series/?symbols=. */
export type GuardsDocument = {
  readonly position_id: string
  readonly entry_time: string
  readonly symbol: string
} & { readonly [Field in (typeof GUARD_FIELDS)[GuardKind]]?: readonly (readonly [tick: number, level: string | null])[] }

class Steps implements LevelSteps {
  ticks: number[] = []
  times: number[] = []
  prices: number[] = []

  /** Returns whether it is another level than before. */
  add(tick: number, time: number, price: number): boolean {
    const last = this.prices.at(-1) ?? Number.NaN
    if (Object.is(last, price)) return false
    this.ticks.push(tick)
    this.times.push(time)
    this.prices.push(price)
    return true
  }
}

export type PositionGuards = { readonly [Kind in GuardKind]: LevelSteps }

export class GuardBook {
  /** Counts the levels and histories that came; steps of a level that is known grow in place. */
  revision = 0
  readonly #positions = new Map<string, { readonly [Kind in GuardKind]: Steps }>()
  #open: string[] = []
  #tick = 0

  /** Take what a tick says of its open positions. One that was taken already changes nothing. */
  add({ tick, timestamp, open_positions: positions }: Pick<TickUpdate, 'tick' | 'timestamp' | 'open_positions'>): void {
    if (tick <= this.#tick) return
    this.#tick = tick
    if (positions.length === 0 && this.#open.length === 0) return
    const time = parseTimestamp(timestamp)
    const open: string[] = []
    for (const position of positions) {
      const key = keyOf(position)
      open.push(key)
      for (const kind of GUARD_KINDS) this.#note(key, kind, tick, time, numberOf(position[GUARD_FIELDS[kind]]))
    }
    for (const key of this.#open) {
      if (!open.includes(key)) for (const kind of GUARD_KINDS) this.#note(key, kind, tick, time, Number.NaN)
    }
    this.#open = open
  }

  /**
   * Take history.
   *
   * @param through The last tick of which it tells; what came live after that stays.
   * @param timeOf Unix seconds of a tick of the history.
   */
  merge(documents: readonly GuardsDocument[], through: number, timeOf: (tick: number) => number): void {
    for (const document of documents) {
      const guards = this.#of(keyOf(document))
      for (const kind of GUARD_KINDS) {
        const { ticks, times, prices } = guards[kind]
        const known = document[GUARD_FIELDS[kind]] ?? []
        const later = ticks.findIndex((tick) => tick > through)
        const kept = later === -1 ? ticks.length : later
        replaceFirst(ticks, kept, known.map(([tick]) => tick))
        replaceFirst(times, kept, known.map(([tick]) => timeOf(tick)))
        replaceFirst(prices, kept, known.map(([, level]) => numberOf(level)))
      }
    }
    if (documents.length > 0) this.revision += 1
  }

  /** The guards of a position, or of a trade that it became; null where it was never told of. */
  of(position: { readonly position_id: string; readonly entry_time?: string }): PositionGuards | null {
    return this.#positions.get(keyOf(position)) ?? null
  }

  #note(key: string, kind: GuardKind, tick: number, time: number, price: number): void {
    // Most positions have not every kind of guard, and many have none.
    if (Number.isNaN(price) && !this.#positions.has(key)) return
    const steps = this.#of(key)[kind]
    if (steps.add(tick, time, price) && steps.ticks.length === 1) this.revision += 1
  }

  #of(key: string): { readonly [Kind in GuardKind]: Steps } {
    let guards = this.#positions.get(key)
    if (guards === undefined) this.#positions.set(key, (guards = { stop: new Steps(), target: new Steps(), trail: new Steps() }))
    return guards
  }
}

/** The level at a time; NaN where there is none. */
export function levelAt({ times, prices }: LevelSteps, time: number): number {
  return prices[indexAt(times, time)] ?? Number.NaN
}

/** In place, since charts hold on to the columns. */
function replaceFirst(column: number[], count: number, by: readonly number[]): void {
  const rest = column.slice(count)
  column.length = 0
  for (const value of by) column.push(value)
  for (const value of rest) column.push(value)
}

/** A position may be entered again: what names it is its id with its entry. */
function keyOf({ position_id, entry_time }: Pick<OpenPosition, 'position_id' | 'entry_time'>): string {
  return `${position_id} ${entry_time ?? ''}`
}

function numberOf(level: string | null | undefined): number {
  return level == null ? Number.NaN : Number(level)
}
