import type { OpenPosition } from 'backtest-stream'
import { expect, test } from 'vitest'
import { parseTimestamp } from '../../src/exchange_time.ts'
import { GuardBook } from '../../src/live/guard_book.ts'
import { legsToShow, marksOf, marksOnPrice, tradeMarks } from '../../src/live/trade_markers.ts'
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

const at = (time: number | undefined, price: number): unknown => ({ times: [time], prices: [price] })

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
      { kind: 'entry', start: entered, end: exited, steps: at(entered, 181.6), symbol: put.symbol },
      { kind: 'entry', start: enteredAgain, end: null, steps: at(enteredAgain, 1), symbol: call.symbol },
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
] as const)('an exit by %s is drawn as %s', (exit_type, kind) => {
  const marks = tradeMarks([trade({ exit_type, trigger_price: '250.00' })], [])

  expect(marks.markers[1]?.kind).toBe(kind)
  // Where nothing else is known of its guards, the trade itself tells the one that closed it, unless that one moved.
  const levels = marks.levels.filter((level) => level.kind !== 'entry').map((level) => [level.kind, [...level.steps.prices]])
  expect(levels).toEqual(exit_type === 'stop_loss' || exit_type === 'take_profit' ? [[kind, [250]]] : [])
})

test('stops and targets are drawn from the entry to the exit, whether the position was closed in parts or is open', () => {
  const guards = new GuardBook()
  const steps = { position_id: 'p', entry_time: trade().entry_time, symbol: trade().symbol }
  guards.merge([{ ...steps, stop_loss_price: [[1, '217.92']], trailing_stop_price: [[1, '199.76'], [9, '190.00']] }], 100, (tick) => tick)
  const part = trade({ exit_time: '2024-10-29 10:00:00+05:30', exit_type: 'signal' })
  const guardsOf = guards.of.bind(guards)

  const closed = tradeMarks([part, trade({ exit_type: 'trailing_stop' })], [], guardsOf).levels
  const stillOpen = tradeMarks([part], [{ ...OPEN, position_id: 'p', entry_time: trade().entry_time }], guardsOf).levels

  const [start, end] = [trade().entry_time, trade().exit_time].map(parseTimestamp)
  expect(closed.map((level) => [level.kind, level.start, level.end])).toEqual([
    ['entry', start, end],
    ['stop', start, end],
    ['trail', start, end],
  ])
  expect(closed[2]?.steps).toMatchObject({ times: [1, 9], prices: [199.76, 190] })
  expect(stillOpen.map((level) => [level.kind, level.end])).toEqual([['entry', null], ['stop', null], ['trail', null]])
})

test('the chart of the underlying has every marker, and the levels of positions in the underlying alone', () => {
  const marks = tradeMarks([trade(), trade({ symbol: 'NIFTY', position_id: 'q' })], [])

  const shown = marksOnPrice(marks, 'NIFTY')

  expect(shown.markers).toBe(marks.markers)
  expect(shown.levels.map(({ symbol }) => symbol)).toEqual(['NIFTY'])
  expect(marksOnPrice(marks, 'NIFTY')).toBe(shown)
})

test('the legs to show are the open ones, else the one that was traded last', () => {
  const position = (symbol: string): OpenPosition => ({ ...OPEN, symbol })
  expect(legsToShow([trade()], ['A', 'B', 'B', 'C'].map(position), 2)).toEqual(['C', 'B'])
  expect(legsToShow([trade()], [], 2)).toEqual([trade().symbol])
  expect(legsToShow([], [], 2)).toEqual([])
})

test('a contract’s chart has the marks of that contract alone', () => {
  const marks = marksOf(tradeMarks([trade(), trade({ symbol: 'other', position_id: 'q' })], []), 'other')

  expect([marks.markers, marks.spans, marks.levels].flat().map(({ symbol }) => symbol)).toEqual(Array(4).fill('other'))
})
