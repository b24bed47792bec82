import { describe, expect, test } from 'vitest'
import { gzipSync } from 'node:zlib'
import { EMPTY_STATE, fold, type Message } from 'backtest-stream'
import { SessionStore } from '../../src/live/session_store.ts'
import { batchOf, execution, frame, tick, trade } from './messages.ts'

const pack = (document: unknown): string => gzipSync(JSON.stringify(document)).toString('base64')

const SUMMARY = { total_trades: 1, total_pnl: '-5883.75', winning_trades: 0, losing_trades: 1, win_rate: '0.00' }

describe('a store', () => {
  test('S4: holds the fold of all messages, though it parses only the newest tick', async () => {
    const ticks = Array.from({ length: 50 }, (_unused, index) => tick(index + 1))
    const nodeEvent = { ...execution('a', 26, true), event_id: 51, session_id: 's', execution_id: 'e1', parent_execution_id: null, timestamp: '2024-10-29 09:15:49+05:30', event_type: 'logic_completed' }
    const tradeUpdate = { event_id: 52, session_id: 's', trade: trade(), summary: SUMMARY }
    const messages: Message[] = [
      ...ticks.map((data) => ({ event: 'tick_update', data }) as const),
      { event: 'node_event', data: nodeEvent },
      { event: 'trade_update', data: tradeUpdate },
      { event: 'tick_update', data: tick(51, { event_id: 53 }) },
    ]
    const store = new SessionStore('NIFTY')

    await store.ingest(batchOf(messages.map((message) => frame(message.event, message.data))))

    expect(store.state).toEqual(messages.reduce(fold, EMPTY_STATE))
    expect([store.newestTick, store.series.length]).toEqual([51, 51])
  })

  test('keeps the last evaluation of a node that has stopped being active, however fast ticks come', async () => {
    const store = new SessionStore('NIFTY')
    const evaluated = (number: number): object => ({ node_executions: { [`e${number}`]: execution('a', number, false) } })

    await store.ingest(
      batchOf([
        frame('tick_update', tick(1, { ...evaluated(1), active_nodes: ['a'] })),
        frame('tick_update', tick(2, { ...evaluated(2), active_nodes: ['a'] })),
        frame('tick_update', tick(3, { active_nodes: ['b'] })),
        frame('tick_update', tick(4, { active_nodes: ['b'] })),
      ]),
    )

    expect(store.evaluations.get('a')).toEqual({
      conditions: execution('a', 2, false).evaluated_conditions,
      timestamp: '2024-10-29 09:15:01+05:30',
    })
  })

  test('S7: starts afresh with a snapshot and says that the day before it is missing', async () => {
    const store = new SessionStore('NIFTY')
    const snapshot = {
      event_id: 900,
      session_id: 's',
      diagnostics: pack({ events_history: {}, current_state: tick(880) }),
      trades: pack({ date: '2024-10-29', summary: SUMMARY, trades: [trade()] }),
    }

    await store.ingest(batchOf([frame('initial_state', snapshot), frame('tick_update', tick(881, { event_id: 901 }))]))

    expect(store.state.trades.trades).toEqual([trade()])
    expect([store.newestTick, store.series.first, store.series.hasHole]).toEqual([881, 880, true])
  })

  test('S11: knows the end of a session and how it ended', async () => {
    const store = new SessionStore('NIFTY')
    const completion = {
      event_id: 10,
      session_id: 's',
      diagnostics: pack({ events_history: {}, current_state: tick(9) }),
      trades: pack(EMPTY_STATE.trades),
      total_ticks: 9,
      status: 'failed',
      error: 'A price is missing.',
    }

    await store.ingest(batchOf([frame('backtest_complete', completion)]))

    expect(store.completion).toEqual({ status: 'failed', total_ticks: 9, error: 'A price is missing.' })
  })

  test('S8: begins with what another tab has folded already', () => {
    const store = new SessionStore('NIFTY')
    const state = fold(EMPTY_STATE, { event: 'tick_update', data: tick(700, { node_executions: { e: execution('a', 26, false) } }) })

    store.begin(state, null)

    expect([store.state, store.newestTick, store.series.first, store.evaluations.has('a')]).toEqual([state, 700, 700, true])
  })
})
