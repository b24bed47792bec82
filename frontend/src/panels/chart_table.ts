/**
 * The charts as a table, for those who cannot see them and those who want the numbers: a row a minute, or a row for each
 * entry and exit, twenty-five at a time. It is filled only while it is open.
 */

import { byId, create, setHidden, setText } from '../dom.ts'
import { formatTime } from '../exchange_time.ts'
import type { Panel } from '../live/frame_loop.ts'
import { markerWords } from '../live/trade_markers.ts'
import { formatCount, formatPrice, formatSignedMoney } from '../numbers.ts'
import type { SessionView } from '../session_view.ts'

const PAGE = 25
const MINUTE = 60

interface Row {
  readonly tick: number
  readonly time: number
  readonly trades: string
}

export class ChartTable implements Panel {
  readonly interval = 500
  readonly #view: SessionView
  readonly #onPick: (tick: number) => void
  readonly #details = byId<HTMLDetailsElement>('chart-table')
  readonly #body = this.#details?.querySelector('tbody') ?? null
  readonly #only = byId<HTMLInputElement>('chart-table-trades')
  #page = 0
  #isStale = true

  constructor(view: SessionView, onPick: (tick: number) => void) {
    this.#view = view
    this.#onPick = onPick
    this.#details?.addEventListener('toggle', () => this.#redraw())
    this.#only?.addEventListener('change', () => this.#turnTo(0))
    byId('chart-table-previous')?.addEventListener('click', () => this.#turnTo(this.#page - 1))
    byId('chart-table-next')?.addEventListener('click', () => this.#turnTo(this.#page + 1))
    this.#body?.addEventListener('click', (event) => this.#pick(event))
  }

  draw(): void {
    if (this.#details?.open !== true || this.#body === null) return
    // A finished day does not change; the table of a live one is brought up to date as it grows.
    if (!this.#isStale && this.#view.store.completion !== null) return
    this.#isStale = this.#view.store.completion === null
    const rows = this.#only?.checked === true ? this.#tradeRows() : this.#minuteRows()
    const pages = Math.max(1, Math.ceil(rows.length / PAGE))
    this.#page = Math.min(Math.max(0, this.#page), pages - 1)
    const shown = rows.slice(this.#page * PAGE, (this.#page + 1) * PAGE)
    this.#show(shown)
    const from = this.#page * PAGE
    setText(byId('chart-table-count'), rows.length === 0 ? 'no rows' : `rows ${from + 1} to ${from + shown.length} of ${formatCount(rows.length)}`)
    setDisabled('chart-table-previous', this.#page === 0)
    setDisabled('chart-table-next', this.#page >= pages - 1)
  }

  #turnTo(page: number): void {
    this.#page = page
    this.#redraw()
  }

  #redraw(): void {
    this.#isStale = true
    this.draw()
  }

  #pick(event: Event): void {
    const tick = (event.target as Element).closest<HTMLElement>('button[data-tick]')?.dataset['tick']
    if (tick !== undefined) this.#onPick(Number(tick))
  }

  #minuteRows(): Row[] {
    const { series } = this.#view.store
    const { times } = series.view()
    const words = this.#wordsByMinute()
    const rows: Row[] = []
    times.forEach((time, place) => {
      const minute = Math.floor(time / MINUTE)
      const next = times[place + 1]
      // The last second of each minute: what a candle calls its close.
      if (next !== undefined && Math.floor(next / MINUTE) === minute) return
      rows.push({ tick: series.first + place, time, trades: words.get(minute)?.join(', ') ?? '' })
    })
    return rows
  }

  #wordsByMinute(): Map<number, string[]> {
    const words = new Map<number, string[]>()
    for (const marker of this.#view.marks.markers) {
      const minute = Math.floor(marker.time / MINUTE)
      words.set(minute, [...(words.get(minute) ?? []), markerWords(marker)])
    }
    return words
  }

  #tradeRows(): Row[] {
    const { series } = this.#view.store
    return [...this.#view.marks.markers]
      .sort((one, other) => one.time - other.time)
      .map((marker) => ({ tick: series.tickAt(marker.time), time: marker.time, trades: markerWords(marker) }))
  }

  #show(rows: readonly Row[]): void {
    const body = this.#body
    if (body === null) return
    while (body.rows.length > rows.length) body.deleteRow(-1)
    while (body.rows.length < rows.length) body.append(newRow())
    const { series } = this.#view.store
    const { prices, pnls } = series.view()
    rows.forEach(({ tick, time, trades }, place) => {
      const cells = body.rows[place]?.cells
      const at = tick - series.first
      const button = cells?.[0]?.querySelector('button')
      setText(button, formatTime(time))
      if (button != null) button.dataset['tick'] = String(tick)
      setText(cells?.[1], formatPrice(prices[at] ?? Number.NaN))
      setText(cells?.[2], formatSignedMoney((pnls[at] ?? 0).toFixed(2)))
      setText(cells?.[3], trades)
    })
    setHidden(byId('chart-table-body'), rows.length === 0)
  }
}

function newRow(): HTMLTableRowElement {
  const row = create('tr')
  const time = create('td')
  const button = create('button', 'time-button')
  button.type = 'button'
  time.append(button)
  row.append(time, create('td', 'number'), create('td', 'number'), create('td'))
  return row
}

function setDisabled(id: string, isDisabled: boolean): void {
  const button = byId<HTMLButtonElement>(id)
  if (button !== null) button.disabled = isDisabled
}
