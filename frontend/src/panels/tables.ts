/** Open positions, trades and node events. The newest stands on top. */

import type { NodeEventRecord, OpenPosition, Trade } from 'backtest-stream'
import { contractLabel } from '../contract_symbols.ts'
import { byId, setHidden } from '../dom.ts'
import { parseTimestamp, timeOfDay } from '../exchange_time.ts'
import type { Panel } from '../live/frame_loop.ts'
import { formatCount, formatMoney, formatSignedMoney, signOf } from '../numbers.ts'
import type { SessionView } from '../session_view.ts'
import { kindWords } from './node_words.ts'
import { RowPool, type Cell } from './rows.ts'

const TONES = { '-1': 'loss', '0': '', '1': 'profit' } as const

function moneyCell(money: string): Cell {
  return { text: formatSignedMoney(money), tone: TONES[signOf(money)] }
}

function sideCell(side: 'buy' | 'sell'): Cell {
  return { text: side === 'sell' ? 'Sell' : 'Buy' }
}

export class PositionsPanel implements Panel {
  readonly interval = 100
  readonly #view: SessionView
  readonly #rows: RowPool | null

  constructor(view: SessionView) {
    const section = byId('positions')
    this.#view = view
    this.#rows = section && new RowPool(section, ['', '', 'number', 'number', 'number', 'number', 'number', 'number', 'number result'])
  }

  draw(): void {
    const positions = this.#view.openPositions
    const rowAt = (index: number): Cell[] => this.#row(positions[index] as OpenPosition)
    this.#rows?.show({ count: positions.length, total: positions.length, filter: '', rowAt })
  }

  #row(position: OpenPosition): Cell[] {
    return [
      { text: contractLabel(position.symbol) },
      sideCell(position.side),
      { text: formatCount(position.quantity) },
      timeCell(this.#view, position.entry_time ?? null, position.entry_node_id),
      { text: formatMoney(position.entry_price) },
      { text: formatMoney(position.current_price) },
      { text: stopWords(position) },
      { text: position.take_profit_price == null ? '—' : formatMoney(position.take_profit_price) },
      moneyCell(position.unrealized_pnl),
    ]
  }
}

/** "182.50", "190.10 trailing", both, or a dash. */
export function stopWords({ stop_loss_price: stop, trailing_stop_price: trail }: OpenPosition): string {
  const words = [stop == null ? '' : formatMoney(stop), trail == null ? '' : `${formatMoney(trail)} trailing`]
  return words.filter((word) => word !== '').join(' · ') || '—'
}

export class TradesPanel implements Panel {
  readonly interval = 100
  readonly #view: SessionView
  readonly #rows: RowPool | null
  #shown: unknown = null

  constructor(view: SessionView) {
    const section = byId('trades')
    this.#view = view
    this.#rows =
      section &&
      new RowPool(section, ['number', '', '', 'number', 'number', 'number', 'number', 'number', 'number result', 'reason'])
  }

  draw(): void {
    const { trades } = this.#view.state.trades
    const key = `${trades.length} ${this.#view.store.series.first} ${this.#view.store.series.last > 0}`
    if (this.#shown === key) return
    this.#shown = key
    const rowAt = (index: number): Cell[] => {
      const place = trades.length - 1 - index
      return this.#row(trades[place] as Trade, place)
    }
    this.#rows?.show({ count: trades.length, total: trades.length, filter: '', rowAt })
  }

  #row(trade: Trade, place: number): Cell[] {
    const reEntry = trade.re_entry_num > 0 ? ` · re-entry ${trade.re_entry_num}` : ''
    return [
      { text: String(place + 1) },
      { text: contractLabel(trade.symbol) + reEntry },
      sideCell(trade.side),
      { text: formatCount(trade.quantity) },
      timeCell(this.#view, trade.entry_time, trade.entry_trigger),
      { text: formatMoney(trade.entry_price) },
      timeCell(this.#view, trade.exit_time, trade.exit_reason),
      { text: formatMoney(trade.exit_price) },
      moneyCell(trade.pnl),
      { text: trade.exit_reason },
    ]
  }
}

/** A time that leads to its tick, as soon as the page knows which one that is. */
function timeCell(view: SessionView, timestamp: string | null, node: string | undefined): Cell {
  const text = timeOfDay(timestamp)
  const tick = timestamp === null ? 0 : view.store.series.tickAt(parseTimestamp(timestamp))
  return tick === 0 ? { text } : { text, tick, ...(node === undefined ? {} : { node }) }
}

/** What the feed of node events is narrowed to. */
export interface EventFilter {
  /** Kind of node as the events spell it; empty for all. */
  readonly kind: string
  readonly text: string
}

export class NodeEventsPanel implements Panel {
  readonly interval = 100
  readonly #view: SessionView
  readonly #rows: RowPool | null
  readonly #kind = byId<HTMLSelectElement>('events-kind')
  readonly #text = byId<HTMLInputElement>('events-text')
  #history: unknown = null
  #filterShown = ''

  /** @param onFilter Called when the reader has narrowed the feed. */
  constructor(view: SessionView, filter: EventFilter, onFilter: (filter: EventFilter) => void) {
    const section = byId('node-events')
    this.#view = view
    this.#rows = section && new RowPool(section, ['number', '', 'muted', 'reason'])
    setHidden(byId('events-filter'), false)
    this.filter = filter
    const changed = (): void => {
      this.#rows?.rewind()
      onFilter(this.filter)
      this.draw()
    }
    this.#kind?.addEventListener('change', changed)
    this.#text?.addEventListener('input', changed)
  }

  get filter(): EventFilter {
    return { kind: this.#kind?.value ?? '', text: this.#text?.value ?? '' }
  }

  set filter({ kind, text }: EventFilter) {
    if (this.#kind !== null) this.#kind.value = kind
    if (this.#text !== null) this.#text.value = text
  }

  draw(): void {
    const history = this.#view.state.diagnostics.events_history
    const filter = JSON.stringify(this.filter)
    if (this.#history === history && this.#filterShown === filter) return
    this.#history = history
    this.#filterShown = filter
    const all = Object.values(history)
    const events = filteredEvents(all, this.filter)
    this.#rows?.show({
      count: events.length,
      total: all.length,
      filter: filterWords(this.filter),
      rowAt: (index) => eventRow(events[events.length - 1 - index] as NodeEventRecord),
    })
  }
}

/** The events that a filter keeps. Texts are looked for in what the table shows, in any case. */
export function filteredEvents(events: readonly NodeEventRecord[], { kind, text }: EventFilter): readonly NodeEventRecord[] {
  if (kind === '' && text === '') return events
  const wanted = text.toLowerCase()
  return events.filter(
    (event) =>
      (kind === '' || event.node_type === kind) &&
      `${event.node_name} ${kindWords(event.node_type)} ${event.conditions_preview ?? ''}`.toLowerCase().includes(wanted),
  )
}

function filterWords({ kind, text }: EventFilter): string {
  return [kind === '' ? '' : kindWords(kind), text === '' ? '' : `“${text}”`].filter((word) => word !== '').join(', ')
}

function eventRow(event: NodeEventRecord): Cell[] {
  const text = timeOfDay(event.timestamp)
  return [
    event.tick === undefined ? { text } : { text, tick: event.tick, node: event.node_id },
    { text: event.node_name },
    { text: kindWords(event.node_type) },
    { text: event.conditions_preview ?? '' },
  ]
}
