/**
 * Entries, exits and the spans between them: the one model from which every chart of every page draws trades.
 *
 * An exit says what decided it, by its shape as well as by its words: a signal of the strategy, a stop, a target, or the
 * end of the day.
 */

import type { OpenPosition, Trade } from 'backtest-stream'
import { shortContractLabel } from '../contract_symbols.ts'
import { parseTimestamp } from '../exchange_time.ts'
import { signOf } from '../numbers.ts'

export type Outcome = 'profit' | 'loss' | 'flat' | 'open'
export type MarkerKind = 'entry' | 'exit' | 'stop' | 'target' | 'close'

export interface TradeMarker {
  readonly kind: MarkerKind
  /** Unix seconds. */
  readonly time: number
  /** The trade's number as the trades table shows it. */
  readonly label: string
  readonly outcome: Outcome
  readonly symbol: string
  /** What the contract was bought or sold for. */
  readonly price: number
}

export interface TradeSpan {
  readonly start: number
  /** Unix seconds; null while the position is open. */
  readonly end: number | null
  readonly outcome: Outcome
  /** "S 24250 PE": side and contract. */
  readonly label: string
  readonly symbol: string
}

/** A price at which a position was to be closed: drawn on its contract's chart while it was open. */
export interface TradeLevel {
  readonly kind: 'entry' | 'stop' | 'target'
  readonly start: number
  readonly end: number | null
  readonly price: number
  readonly symbol: string
}

export interface TradeMarks {
  readonly markers: readonly TradeMarker[]
  readonly spans: readonly TradeSpan[]
  readonly levels: readonly TradeLevel[]
}

export const NOTHING_TRADED: TradeMarks = { markers: [], spans: [], levels: [] }

const EXIT_KINDS: { readonly [exitType: string]: MarkerKind } = {
  stop_loss: 'stop',
  trailing_stop: 'stop',
  take_profit: 'target',
  square_off: 'close',
  market_close: 'close',
}

const MARKER_WORDS: { readonly [Kind in MarkerKind]: string } = {
  entry: 'entry',
  exit: 'exit on a signal',
  stop: 'stop',
  target: 'target',
  close: 'close of the day',
}

export function markerWords(marker: Pick<TradeMarker, 'kind' | 'label'>): string {
  return `${MARKER_WORDS[marker.kind]} ${marker.label}`
}

/** What decided a trade's exit. */
export function exitKind(trade: Pick<Trade, 'exit_type' | 'closed_by'>): MarkerKind {
  return EXIT_KINDS[trade.exit_type ?? ''] ?? 'exit'
}

/** Closed trades are numbered as they close; open positions go on from there. */
export function tradeMarks(trades: readonly Trade[], openPositions: readonly OpenPosition[]): TradeMarks {
  const markers: TradeMarker[] = []
  const spans: TradeSpan[] = []
  const levels: TradeLevel[] = []
  trades.forEach((trade, index) => {
    const { symbol } = trade
    const of = { label: String(index + 1), outcome: outcomeOf(trade.pnl), symbol }
    const start = parseTimestamp(trade.entry_time)
    const end = parseTimestamp(trade.exit_time)
    const kind = exitKind(trade)
    markers.push({ kind: 'entry', time: start, price: Number(trade.entry_price), ...of })
    markers.push({ kind, time: end, price: Number(trade.exit_price), ...of })
    spans.push({ start, end, outcome: of.outcome, label: spanLabel(trade), symbol })
    levels.push({ kind: 'entry', start, end, price: Number(trade.entry_price), symbol })
    const isGuarded = (kind === 'stop' || kind === 'target') && trade.trigger_price !== undefined
    if (isGuarded) levels.push({ kind, start, end, price: Number(trade.trigger_price), symbol })
  })
  openPositions.forEach((position, index) => {
    if (position.entry_time === undefined) return
    const { symbol } = position
    const start = parseTimestamp(position.entry_time)
    const price = Number(position.entry_price)
    markers.push({ kind: 'entry', time: start, price, label: String(trades.length + index + 1), outcome: 'open', symbol })
    spans.push({ start, end: null, outcome: 'open', label: spanLabel(position), symbol })
    levels.push({ kind: 'entry', start, end: null, price, symbol })
  })
  return { markers, spans, levels }
}

/** The marks of one contract. */
export function marksOf(marks: TradeMarks, symbol: string): TradeMarks {
  return {
    markers: marks.markers.filter((marker) => marker.symbol === symbol),
    spans: marks.spans.filter((span) => span.symbol === symbol),
    levels: marks.levels.filter((level) => level.symbol === symbol),
  }
}

/** The contracts to draw: those with an open position, else the one traded last; the newest first. */
export function legsToShow(trades: readonly Trade[], openPositions: readonly OpenPosition[], most: number): readonly string[] {
  const open = [...new Set(openPositions.map((position) => position.symbol))].reverse()
  if (open.length > 0) return open.slice(0, most)
  const last = trades.at(-1)
  return last === undefined ? [] : [last.symbol]
}

function outcomeOf(pnl: string): Outcome {
  const sign = signOf(pnl)
  if (sign === 0) return 'flat'
  return sign > 0 ? 'profit' : 'loss'
}

function spanLabel(leg: { readonly side: 'buy' | 'sell'; readonly symbol: string }): string {
  return `${leg.side === 'sell' ? 'S' : 'B'} ${shortContractLabel(leg.symbol)}`
}
