/**
 * One chart for each contract with an open position, on the page's clock; where none is open, the one traded last stays.
 *
 * A contract's prices are taken from the stream from when its chart comes into sight; what lies before is asked for once.
 */

import { contractLabel } from '../contract_symbols.ts'
import { byId, setHidden, setText } from '../dom.ts'
import { legsToShow, marksOf, type TradeMarks } from '../live/trade_markers.ts'
import { formatPrice } from '../numbers.ts'
import type { SessionView } from '../session_view.ts'
import { TimeChart, type ChartEvents, type Scene } from './time_chart.ts'

/** More open contracts than this are named, not drawn. */
const MOST_LEGS = 3

/** Fetch a contract's prices of the day so far and put them into the series. */
export type LegPrices = (symbols: readonly string[]) => Promise<void>

interface Slot {
  readonly figure: HTMLElement
  readonly title: Element | null
  readonly note: Element | null
  readonly chart: TimeChart
  symbol: string | null
}

export class Legs {
  readonly #view: SessionView
  readonly #fetchPrices: LegPrices
  readonly #slots: readonly Slot[]
  readonly #more = byId('legs-more')
  readonly #asked = new Set<string>()

  constructor(view: SessionView, fetchPrices: LegPrices, scene: Scene, events: ChartEvents) {
    this.#view = view
    this.#fetchPrices = fetchPrices
    const figures = [...document.querySelectorAll<HTMLElement>('.leg-chart')].slice(0, MOST_LEGS)
    this.#slots = figures.map((figure) => ({
      figure,
      title: figure.querySelector('.chart-title'),
      note: figure.querySelector('.chart-note'),
      chart: new TimeChart(figure, 'leg', scene, formatPrice, events),
      symbol: null,
    }))
  }

  get charts(): readonly TimeChart[] {
    return this.#slots.filter((slot) => slot.symbol !== null).map((slot) => slot.chart)
  }

  /** Choose the contracts to show; return what is left to do, a drawing for each of their charts. */
  drawings(marks: TradeMarks): (() => void)[] {
    const { state, openPositions, store } = this.#view
    const symbols = legsToShow(state.trades.trades, openPositions, MOST_LEGS)
    this.#fetchMissing(symbols)
    const open = new Set(openPositions.map((position) => position.symbol))
    setHidden(this.#more, open.size <= MOST_LEGS)
    setText(this.#more, open.size > MOST_LEGS ? `${MOST_LEGS} of ${open.size} open contracts are drawn; the table below has all.` : '')
    return this.#slots.flatMap((slot, place) => {
      const symbol = symbols[place] ?? null
      slot.symbol = symbol
      setHidden(slot.figure, symbol === null)
      if (symbol === null) return []
      setText(slot.title, contractLabel(symbol))
      setText(slot.note, open.has(symbol) ? 'open' : 'closed')
      const { times, prices } = store.series.priceView(symbol)
      return [() => slot.chart.draw({ times, values: prices, candles: null, marks: marksOf(marks, symbol) })]
    })
  }

  describe(): void {
    for (const slot of this.#slots) if (slot.symbol !== null) slot.chart.describe(contractLabel(slot.symbol))
  }

  #fetchMissing(symbols: readonly string[]): void {
    const { series } = this.#view.store
    for (const symbol of symbols) series.follow(symbol)
    // What came live begins late. A hole in the day is closed first; what was asked for before it lacks it as well.
    if (series.hasHole) {
      this.#asked.clear()
      return
    }
    const missing = symbols.filter((symbol) => !this.#asked.has(symbol))
    if (missing.length === 0) return
    for (const symbol of missing) this.#asked.add(symbol)
    void this.#fetchPrices(missing).catch(() => {
      // The line then begins where the contract came into sight, and it is asked for again.
      for (const symbol of missing) setTimeout(() => this.#asked.delete(symbol), 5_000)
    })
  }
}
