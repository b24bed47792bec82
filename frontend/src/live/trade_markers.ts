/**
 * Entries, exits, the spans between them, and the stops and targets that stood meanwhile: the one model from which every
 * chart of every page draws trades.
 *
 * An exit says what decided it, by its shape as well as by its words: a signal of the strategy, a stop, a target, or the
 * end of the day.
 */

import type { OpenPosition, Trade } from 'backtest-stream'
import { shortContractLabel } from '../contract_symbols.ts'
import { parseTimestamp } from '../exchange_time.ts'
import { signOf } from '../numbers.ts'
import { GUARD_KINDS, type GuardKind, type LevelSteps, type PositionGuards } from './guard_book.ts'

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

/** The price of an entry, or one at which the position is to be closed: drawn on its contract's chart while it is open. */
export interface TradeLevel {
  readonly kind: 'entry' | GuardKind
  readonly start: number
  /** Unix seconds; null while the position is open. */
  readonly end: number | null
  /** They grow while the position is open. */
  readonly steps: LevelSteps
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

/** Where the stops and targets of a position stood; null where that is not known. */
export type GuardsOf = (position: OpenPosition | Trade) => PositionGuards | null

/** Closed trades are numbered as they close; open positions go on from there. */
export function tradeMarks(
  trades: readonly Trade[],
  openPositions: readonly OpenPosition[],
  guardsOf: GuardsOf = () => null,
): TradeMarks {
  const markers: TradeMarker[] = []
  const spans: TradeSpan[] = []
  const levels = new Map<string, TradeLevel[]>()
  trades.forEach((trade, index) => {
    const { symbol } = trade
    const of = { label: String(index + 1), outcome: outcomeOf(trade.pnl), symbol }
    const start = parseTimestamp(trade.entry_time)
    const end = parseTimestamp(trade.exit_time)
    const kind = exitKind(trade)
    markers.push({ kind: 'entry', time: start, price: Number(trade.entry_price), ...of })
    markers.push({ kind, time: end, price: Number(trade.exit_price), ...of })
    spans.push({ start, end, outcome: of.outcome, label: spanLabel(trade), symbol })
    // A position that is closed in parts is several trades; the last one has its whole time.
    levels.set(`${trade.position_id} ${start}`, levelsOf(trade, start, end, guardsOf(trade) ?? triggered(trade, start)))
  })
  openPositions.forEach((position, index) => {
    if (position.entry_time === undefined) return
    const { symbol } = position
    const start = parseTimestamp(position.entry_time)
    const price = Number(position.entry_price)
    markers.push({ kind: 'entry', time: start, price, label: String(trades.length + index + 1), outcome: 'open', symbol })
    spans.push({ start, end: null, outcome: 'open', label: spanLabel(position), symbol })
    levels.set(`${position.position_id} ${start}`, levelsOf(position, start, null, guardsOf(position)))
  })
  return { markers, spans, levels: [...levels.values()].flat() }
}

function levelsOf(
  { entry_price: price, symbol }: OpenPosition | Trade,
  start: number,
  end: number | null,
  guards: Partial<PositionGuards> | null,
): TradeLevel[] {
  const entry: TradeLevel = { kind: 'entry', start, end, symbol, steps: { times: [start], prices: [Number(price)] } }
  const guarded = GUARD_KINDS.flatMap((kind): TradeLevel[] => {
    const steps = guards?.[kind]
    return steps === undefined || steps.times.length === 0 ? [] : [{ kind, start, end, symbol, steps }]
  })
  return [entry, ...guarded]
}

/** What a trade itself tells of its guards: the stop or target that closed it, which stood from the entry on. */
function triggered({ exit_type: type, trigger_price: price }: Trade, start: number): Partial<PositionGuards> | null {
  const kind = { stop_loss: 'stop', take_profit: 'target' }[type ?? '']
  return kind === undefined || price === undefined ? null : { [kind]: { times: [start], prices: [Number(price)] } }
}

const contracts = new WeakMap<TradeMarks, Map<string, TradeMarks>>()

/** The marks of one contract; the same ones for the same marks. */
export function marksOf(marks: TradeMarks, symbol: string): TradeMarks {
  let known = contracts.get(marks)
  if (known === undefined) contracts.set(marks, (known = new Map<string, TradeMarks>()))
  let found = known.get(symbol)
  if (found === undefined) {
    found = {
      markers: marks.markers.filter((marker) => marker.symbol === symbol),
      spans: marks.spans.filter((span) => span.symbol === symbol),
      levels: marks.levels.filter((level) => level.symbol === symbol),
    }
    known.set(symbol, found)
  }
  return found
}

const chartsOfPrice = new WeakMap<TradeMarks, TradeMarks>()

/** The marks of all contracts for the underlying's chart; the levels of positions in the underlying alone. */
export function marksOnPrice(marks: TradeMarks, underlying: string): TradeMarks {
  let found = chartsOfPrice.get(marks)
  if (found === undefined) {
    found = { ...marks, levels: marksOf(marks, underlying).levels }
    chartsOfPrice.set(marks, found)
  }
  return found
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
