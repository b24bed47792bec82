import { expect, test } from 'vitest'
import { parseTimestamp } from '../../src/exchange_time.ts'
import { tradeMarks } from '../../src/live/trade_markers.ts'
import { trade } from './messages.ts'

test('every closed trade has an entry and an exit, every open position an entry', () => {
  const open = {
    position_id: 'q',
    symbol: 'NIFTY:2024-11-07:OPT:24300:CE',
    side: 'buy',
    quantity: 75,
    entry_price: '1.00',
    current_price: '2.00',
    unrealized_pnl: '75.00',
    entry_time: '2024-10-29 11:42:00+05:30',
  } as const
  const [entered, exited, enteredAgain] = [trade().entry_time, trade().exit_time, open.entry_time].map(parseTimestamp)

  expect(tradeMarks([trade()], [open])).toEqual({
    markers: [
      { kind: 'entry', time: entered, label: '1', outcome: 'loss' },
      { kind: 'exit', time: exited, label: '1', outcome: 'loss' },
      { kind: 'entry', time: enteredAgain, label: '2', outcome: 'open' },
    ],
    spans: [
      { start: entered, end: exited, outcome: 'loss', label: 'S 24250 PE' },
      { start: enteredAgain, end: null, outcome: 'open', label: 'B 24300 CE' },
    ],
  })
})
