/**
 * Entries, exits and the spans between them: the one model from which every chart draws trades.
 */

import type { OpenPosition, Trade } from 'backtest-stream'
import { shortContractLabel } from '../contract_symbols.ts'
import { parseTimestamp } from '../exchange_time.ts'
import { signOf } from '../numbers.ts'

export type Outcome = 'profit' | 'loss' | 'flat' | 'open'

export interface TradeMarker {
  readonly kind: 'entry' | 'exit'
  /** Unix seconds. */
  readonly time: number
  /** The trade's number in the order of entries, as the trades table shows it. */
  readonly label: string
  readonly outcome: Outcome
}

export interface TradeSpan {
  readonly start: number
  /** Unix seconds; null while the position is open. */
  readonly end: number | null
  readonly outcome: Outcome
  /** "S 24250 PE": side and contract. */
  readonly label: string
}

export interface TradeMarks {
  readonly markers: readonly TradeMarker[]
  readonly spans: readonly TradeSpan[]
}

/** Closed trades are numbered as they close; open positions go on from there. */
export function tradeMarks(trades: readonly Trade[], openPositions: readonly OpenPosition[]): TradeMarks {
  const markers: TradeMarker[] = []
  const spans: TradeSpan[] = []
  trades.forEach((trade, index) => {
    const label = String(index + 1)
    const outcome = outcomeOf(trade.pnl)
    const start = parseTimestamp(trade.entry_time)
    const end = parseTimestamp(trade.exit_time)
    markers.push({ kind: 'entry', time: start, label, outcome }, { kind: 'exit', time: end, label, outcome })
    spans.push({ start, end, outcome, label: spanLabel(trade) })
  })
  openPositions.forEach((position, index) => {
    if (position.entry_time === undefined) return
    const start = parseTimestamp(position.entry_time)
    markers.push({ kind: 'entry', time: start, label: String(trades.length + index + 1), outcome: 'open' })
    spans.push({ start, end: null, outcome: 'open', label: spanLabel(position) })
  })
  return { markers, spans }
}

function outcomeOf(pnl: string): Outcome {
  const sign = signOf(pnl)
  if (sign === 0) return 'flat'
  return sign > 0 ? 'profit' : 'loss'
}

function spanLabel(leg: { readonly side: 'buy' | 'sell'; readonly symbol: string }): string {
  return `${leg.side === 'sell' ? 'S' : 'B'} ${shortContractLabel(leg.symbol)}`
}
