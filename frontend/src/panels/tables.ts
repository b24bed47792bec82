/** Open positions, trades and node events. The newest stands on top. */

import type { NodeEventRecord, OpenPosition, Trade } from 'backtest-stream'
import { contractLabel } from '../contract_symbols.ts'
import { byId } from '../dom.ts'
import { timeOfDay } from '../exchange_time.ts'
import type { Panel } from '../live/frame_loop.ts'
import type { SessionStore } from '../live/session_store.ts'
import { formatCount, formatMoney, formatSignedMoney, signOf } from '../numbers.ts'
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
  readonly #store: SessionStore
  readonly #rows: RowPool | null

  constructor(store: SessionStore) {
    const section = byId('positions')
    this.#store = store
    this.#rows = section && new RowPool(section, ['', '', 'number', 'number', 'number', 'number', 'number result'])
  }

  draw(): void {
    this.#rows?.show((this.#store.currentTick?.open_positions ?? []).map(positionRow))
  }
}

function positionRow(position: OpenPosition): Cell[] {
  return [
    { text: contractLabel(position.symbol) },
    sideCell(position.side),
    { text: formatCount(position.quantity) },
    { text: timeOfDay(position.entry_time) },
    { text: formatMoney(position.entry_price) },
    { text: formatMoney(position.current_price) },
    moneyCell(position.unrealized_pnl),
  ]
}

export class TradesPanel implements Panel {
  readonly interval = 100
  readonly #store: SessionStore
  readonly #rows: RowPool | null
  #revision = -1

  constructor(store: SessionStore) {
    const section = byId('trades')
    this.#store = store
    this.#rows =
      section &&
      new RowPool(section, ['number', '', '', 'number', 'number', 'number', 'number', 'number', 'number result', 'reason'])
  }

  draw(): void {
    if (this.#revision === this.#store.revision) return
    this.#revision = this.#store.revision
    this.#rows?.show(this.#store.state.trades.trades.map(tradeRow).reverse())
  }
}

function tradeRow(trade: Trade, index: number): Cell[] {
  const reEntry = trade.re_entry_num > 0 ? ` · re-entry ${trade.re_entry_num}` : ''
  return [
    { text: String(index + 1) },
    { text: contractLabel(trade.symbol) + reEntry },
    sideCell(trade.side),
    { text: formatCount(trade.quantity) },
    { text: timeOfDay(trade.entry_time) },
    { text: formatMoney(trade.entry_price) },
    { text: timeOfDay(trade.exit_time) },
    { text: formatMoney(trade.exit_price) },
    moneyCell(trade.pnl),
    { text: trade.exit_reason },
  ]
}

export class NodeEventsPanel implements Panel {
  readonly interval = 100
  readonly #store: SessionStore
  readonly #rows: RowPool | null
  #revision = -1

  constructor(store: SessionStore) {
    const section = byId('node-events')
    this.#store = store
    this.#rows = section && new RowPool(section, ['number', '', 'muted', 'reason'])
  }

  draw(): void {
    if (this.#revision === this.#store.revision) return
    this.#revision = this.#store.revision
    this.#rows?.show(Object.values(this.#store.state.diagnostics.events_history).map(eventRow).reverse())
  }
}

function eventRow(event: NodeEventRecord): Cell[] {
  return [
    { text: timeOfDay(event.timestamp) },
    { text: event.node_name },
    { text: kindWords(event.node_type) },
    { text: event.conditions_preview ?? '' },
  ]
}
