import type { OpenPosition } from 'backtest-stream'
import { expect, test } from 'vitest'
import { parseTimestamp } from '../../src/exchange_time.ts'
import { legsToShow, marksOf, tradeMarks } from '../../src/live/trade_markers.ts'
import { trade } from './messages.ts'

const OPEN = {
  position_id: 'q',
  symbol: 'NIFTY:2024-11-07:OPT:24300:CE',
  side: 'buy',
  quantity: 75,
  entry_price: '1.00',
  current_price: '2.00',
  unrealized_pnl: '75.00',
  entry_time: '2024-10-29 11:42:00+05:30',
} as const

test('every closed trade has an entry and an exit, every open position an entry', () => {
  const open = OPEN
  const [entered, exited, enteredAgain] = [trade().entry_time, trade().exit_time, open.entry_time].map(parseTimestamp)

  const put = { symbol: trade().symbol, outcome: 'loss', label: '1' }
  const call = { symbol: open.symbol, outcome: 'open', label: '2' }

  expect(tradeMarks([trade()], [open])).toEqual({
    markers: [
      { kind: 'entry', time: entered, price: 181.6, ...put },
      { kind: 'exit', time: exited, price: 260.05, ...put },
      { kind: 'entry', time: enteredAgain, price: 1, ...call },
    ],
    spans: [
      { start: entered, end: exited, outcome: 'loss', label: 'S 24250 PE', symbol: put.symbol },
      { start: enteredAgain, end: null, outcome: 'open', label: 'B 24300 CE', symbol: call.symbol },
    ],
    levels: [
      { kind: 'entry', start: entered, end: exited, price: 181.6, symbol: put.symbol },
      { kind: 'entry', start: enteredAgain, end: null, price: 1, symbol: call.symbol },
    ],
  })
})

test.each([
  ['stop_loss', 'stop'],
  ['trailing_stop', 'stop'],
  ['take_profit', 'target'],
  ['square_off', 'close'],
  ['market_close', 'close'],
  ['signal', 'exit'],
  ['something newer', 'exit'],
] as const)('an exit by %s is drawn as %s, and a guarded one with its level', (exit_type, kind) => {
  const marks = tradeMarks([trade({ exit_type, trigger_price: '250.00' })], [])

  expect(marks.markers[1]?.kind).toBe(kind)
  const levels = marks.levels.filter((level) => level.kind !== 'entry').map((level) => [level.kind, level.price])
  expect(levels).toEqual(kind === 'stop' || kind === 'target' ? [[kind, 250]] : [])
})

test('the legs to show are the open ones, else the one that was traded last', () => {
  const position = (symbol: string): OpenPosition => ({ ...OPEN, symbol })
  expect(legsToShow([trade()], ['A', 'B', 'B', 'C'].map(position), 2)).toEqual(['C', 'B'])
  expect(legsToShow([trade()], [], 2)).toEqual([trade().symbol])
  expect(legsToShow([], [], 2)).toEqual([])
})

test('a contract’s chart has the marks of that contract alone', () => {
  const marks = marksOf(tradeMarks([trade(), trade({ symbol: 'other' })], []), 'other')

  expect([marks.markers, marks.spans, marks.levels].flat().map(({ symbol }) => symbol)).toEqual(Array(4).fill('other'))
})
