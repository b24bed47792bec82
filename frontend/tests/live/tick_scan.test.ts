import { describe, expect, test } from 'vitest'
import { parseTimestamp } from '../../src/exchange_time.ts'
import { scanTick } from '../../src/live/tick_scan.ts'
import { execution, tick } from './messages.ts'

describe('a scanned tick', () => {
  test('has the numbers of the parsed one', () => {
    const message = tick(1234, {
      pnl_summary: { realized_pnl: '-10.00', unrealized_pnl: '-5.50', total_pnl: '-15.50', closed_trades: 1, open_trades: 1 },
      ltp: {
        NIFTY: { ltp: 25_234, timestamp: '2024-10-29 09:35:33.000000' },
        'NIFTY:2024-11-07:OPT:24250:PE': { ltp: 208.4, timestamp: '2024-10-29 09:35:33.000000' },
      },
      active_nodes: ['entry', 'square-off'],
    })

    expect(scanTick(JSON.stringify(message))).toEqual({
      tick: 1234,
      time: parseTimestamp(message.timestamp),
      prices: [
        { symbol: 'NIFTY', price: 25_234 },
        { symbol: 'NIFTY:2024-11-07:OPT:24250:PE', price: 208.4 },
      ],
      totalPnl: -15.5,
      activeNodes: '"active_nodes":["entry","square-off"]',
      guards: '',
    })
  })

  test('is not misled by what nodes record and are called', () => {
    const trap = '"tick":9,"timestamp":"2020-01-01 00:00:00+05:30","pnl_summary":{"total_pnl":"9.00"},"ltp":{"NIFTY":{"ltp":9'
    const misleading = { ...execution(trap, 1, true), pnl_summary: { total_pnl: '9.00' }, ltp: { NIFTY: { ltp: 9 } } }
    const message = tick(7, { node_executions: { [trap]: misleading } })

    expect(scanTick(JSON.stringify(message))).toMatchObject({ tick: 7, prices: [{ symbol: 'NIFTY', price: 24_007 }], totalPnl: 0 })
  })

  test('has the stops and targets of open positions as one text', () => {
    const position = { position_id: '"stop_loss_price":1', symbol: 'A', side: 'buy', quantity: 1, entry_price: '1.00', current_price: '1.00', unrealized_pnl: '0.00' } as const
    const levels = (stop: string | null, trail: string | null): string =>
      JSON.stringify(tick(1, { open_positions: [position, { ...position, stop_loss_price: stop, take_profit_price: null, trailing_stop_price: trail }] }))
    const guards = (stop: string | null, trail: string | null): string => scanTick(levels(stop, trail))?.guards ?? 'nothing'

    expect(guards('0.95', '0.97')).toBe('"0.95","take_profit_price":null,"trailing_stop_price":"0.97"')
    expect(guards(null, '0.97')).not.toBe(guards('0.97', null))
    expect([guards(null, null), scanTick(JSON.stringify(tick(1, { open_positions: [position] })))?.guards]).toEqual(['', ''])
  })

  test('has no prices before the first', () => {
    expect(scanTick(JSON.stringify(tick(1, { ltp: {} })))?.prices).toEqual([])
  })

  test.each(['{}', '', '{"tick":1}', JSON.stringify({ ...tick(1), timestamp: 'noon' }), '{"active_nodes":[],"ltp":{}}'])(
    'is left to the parser where it is not laid out as expected: %s',
    (data) => {
      expect(scanTick(data)).toBeNull()
    },
  )
})
