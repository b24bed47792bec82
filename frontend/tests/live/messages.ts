/** Messages for the tests, with what matters to them filled in. */

import type { Frame, NodeExecution, TickUpdate, Trade } from 'backtest-stream'
import { Digest, type Batch } from '../../src/live/digest.ts'

export function tick(number: number, change: Partial<TickUpdate> = {}): TickUpdate {
  const seconds = 9 * 3600 + 15 * 60 + number - 1
  const clock = [seconds / 3600, (seconds / 60) % 60, seconds % 60].map((part) => String(Math.floor(part)).padStart(2, '0')).join(':')
  return {
    event_id: number,
    session_id: 's',
    tick: number,
    timestamp: `2024-10-29 ${clock}+05:30`,
    execution_count: 1,
    node_executions: {},
    open_positions: [],
    pnl_summary: { realized_pnl: '0.00', unrealized_pnl: '0.00', total_pnl: '0.00', closed_trades: 0, open_trades: 0 },
    ltp: { NIFTY: { ltp: 24_000 + number, timestamp: `2024-10-29 ${clock}.000000` } },
    active_nodes: ['a'],
    ...change,
  }
}

export function frame(event: string, data: { readonly event_id: number }): Frame {
  return { event, data: JSON.stringify(data), last_event_id: String(data.event_id) }
}

export function execution(nodeId: string, lhs: number, result: boolean): NodeExecution {
  const condition = { raw: 'rsi < 30', evaluated: `${lhs} < 30`, lhs_value: lhs, rhs_value: 30, operator: '<', result }
  return {
    node_id: nodeId,
    node_name: nodeId,
    node_type: 'EntrySignalNode',
    signal_emitted: result,
    evaluated_conditions: { logic: 'AND', result, conditions: [condition] },
  }
}

export function trade(change: Partial<Trade> = {}): Trade {
  return {
    trade_id: 'p-r0',
    position_id: 'p',
    re_entry_num: 0,
    symbol: 'NIFTY:2024-11-07:OPT:24250:PE',
    side: 'sell',
    quantity: 75,
    entry_price: '181.60',
    entry_time: '2024-10-29 09:19:00+05:30',
    exit_price: '260.05',
    exit_time: '2024-10-29 10:48:00+05:30',
    pnl: '-5883.75',
    status: 'CLOSED',
    entry_trigger: 'entry-condition-1',
    exit_reason: 'stop',
    ...change,
  }
}

/** The batch that a page is given for some frames. */
export function batchOf(frames: readonly Frame[]): Batch {
  const digest = new Digest()
  digest.take(frames)
  return digest.flush()
}
