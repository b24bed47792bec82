/**
 * The numbers that the charts need from a tick, read without parsing the whole message.
 *
 * At full speed a day's 22,351 ticks arrive in seconds, some 80 MB of JSON, while the panels can show 60 of them a
 * second. So every tick gives its point to the charts by a few text searches, and only the newest is parsed whole.
 *
 * The searches are safe against text inside values: a quote inside a JSON string is always escaped, so `"tick":` can only
 * be a key. `pnl_summary` and `ltp` are searched from the end, behind everything that a node may record.
 */

import { parseTimestamp } from '../exchange_time.ts'

export interface TickPoint {
  readonly tick: number
  /** Unix seconds. */
  readonly time: number
  /** Last price of every symbol that has one, the underlying among them, in the message's order. */
  readonly prices: readonly SymbolPrice[]
  /** Realised and open P&L together. For drawing only: money that is shown as text comes from the parsed message. */
  readonly totalPnl: number
  /** The list of active nodes as it stands in the message: equal texts mean equal lists. */
  readonly activeNodes: string
  /** The stops and targets of open positions, in a form in which equal texts mean equal levels; empty for none. */
  readonly guards: string
}

export interface SymbolPrice {
  readonly symbol: string
  readonly price: number
}

const PRICE_KEY = '":{"ltp":'
const POSITIONS_KEY = '"open_positions":['
const GUARDS_KEY = '"stop_loss_price":'
/** The three levels of a position stand together, at its end. */
const NO_GUARDS = 'null,"take_profit_price":null,"trailing_stop_price":null'

/** Read a tick's point. Returns null when the message is not laid out as expected; parse it whole then. */
export function scanTick(data: string): TickPoint | null {
  const tick = numberAfter(data, '"tick":', data.indexOf('"tick":'))
  const time = timeOf(textAfter(data, '"timestamp":"', data.indexOf('"timestamp":"')))
  const summaryStart = data.lastIndexOf('"pnl_summary":{')
  const pricesStart = data.lastIndexOf('"ltp":{')
  const nodesStart = data.lastIndexOf('"active_nodes":[')
  if (tick === null || Number.isNaN(time) || summaryStart === -1 || pricesStart < summaryStart) return null
  if (nodesStart < pricesStart) return null

  const totalPnl = textAfter(data, '"total_pnl":"', data.indexOf('"total_pnl":"', summaryStart))
  if (totalPnl === null) return null
  return {
    tick,
    time,
    prices: pricesIn(data, pricesStart, nodesStart),
    totalPnl: Number(totalPnl),
    activeNodes: data.slice(nodesStart, data.indexOf(']', nodesStart) + 1),
    guards: guardsIn(data, data.lastIndexOf(POSITIONS_KEY, summaryStart), summaryStart),
  }
}

function pricesIn(data: string, start: number, end: number): SymbolPrice[] {
  const prices: SymbolPrice[] = []
  for (let at = data.indexOf(PRICE_KEY, start); at !== -1 && at < end; at = data.indexOf(PRICE_KEY, at + 1)) {
    const price = numberAfter(data, PRICE_KEY, at)
    if (price !== null) prices.push({ symbol: data.slice(data.lastIndexOf('"', at - 1) + 1, at), price })
  }
  return prices
}

function guardsIn(data: string, start: number, end: number): string {
  if (start === -1 || data[start + POSITIONS_KEY.length] === ']') return ''
  let guards = ''
  for (let at = data.indexOf(GUARDS_KEY, start); at !== -1 && at < end; at = data.indexOf(GUARDS_KEY, at + 1)) {
    const levels = at + GUARDS_KEY.length
    if (!data.startsWith(NO_GUARDS, levels)) guards += data.slice(levels, data.indexOf('}', levels))
  }
  return guards
}

function textAfter(data: string, key: string, at: number): string | null {
  if (at === -1) return null
  const start = at + key.length
  return data.slice(start, data.indexOf('"', start))
}

function numberAfter(data: string, key: string, at: number): number | null {
  if (at === -1) return null
  const value = Number.parseFloat(data.slice(at + key.length, at + key.length + 24))
  return Number.isNaN(value) ? null : value
}

let knownDate = ''
let knownMidnight = Number.NaN

/** As parseTimestamp, but the date, the same for a whole day, is read once. */
function timeOf(timestamp: string | null): number {
  if (timestamp === null) return Number.NaN
  const date = timestamp.slice(0, 10)
  const isPlain = timestamp.length === 25 && timestamp.endsWith('+05:30')
  if (!isPlain) return parseTimestamp(timestamp)
  if (date !== knownDate) {
    knownMidnight = parseTimestamp(`${date} 00:00:00+05:30`)
    knownDate = date
  }
  const twoDigits = (at: number): number => (timestamp.charCodeAt(at) - 48) * 10 + timestamp.charCodeAt(at + 1) - 48
  return knownMidnight + twoDigits(11) * 3600 + twoDigits(14) * 60 + twoDigits(17)
}
