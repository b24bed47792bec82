import { expect, test } from 'vitest'
import { EMPTY_STATE, fold, type Message, type ViewerState } from 'backtest-stream'
import { ReplayWindow } from '../../src/replay/replay_window.ts'
import { execution, tick, trade } from '../live/messages.ts'

const SUMMARY = { total_trades: 1, total_pnl: '-5883.75', winning_trades: 0, losing_trades: 1, win_rate: '0.00' }

/** A hundred ticks; every tenth brings a node event, every thirtieth a trade. */
function session(): { readonly messages: readonly Message[]; readonly stateAt: (tick: number) => ViewerState } {
  const messages: Message[] = []
  const ends: number[] = [0]
  const say = (message: Message): void => void messages.push({ ...message, data: { ...message.data, event_id: messages.length } } as Message)
  for (let number = 1; number <= 100; number += 1) {
    say({ event: 'tick_update', data: tick(number) })
    const record = { ...execution('a', number, true), execution_id: `e${number}`, parent_execution_id: null, timestamp: tick(number).timestamp, event_type: 'logic_completed' }
    if (number % 10 === 0) say({ event: 'node_event', data: { ...record, event_id: 0, session_id: 's' } })
    if (number % 30 === 0) say({ event: 'trade_update', data: { event_id: 0, session_id: 's', trade: trade({ trade_id: `t${number}` }), summary: SUMMARY } })
    ends.push(messages.length)
  }
  return { messages, stateAt: (number) => messages.slice(0, ends[number]).reduce(fold, EMPTY_STATE) }
}

test('S4: the state at any tick is the fold of everything up to its end, whichever way the reader came', () => {
  const { messages, stateAt } = session()
  const base = stateAt(20)
  const window = new ReplayWindow(base, 20, messages.filter((message) => message.data.event_id > base.event_id))

  expect([window.first, window.last, window.has(19), window.has(20), window.has(100), window.has(101)]).toEqual([20, 100, false, true, true, false])
  for (const number of [20, 30, 29, 31, 100, 60, 59, 20, 90]) expect(window.stateAt(number)).toEqual(stateAt(number))
})

test('a tick outside is refused, not guessed', () => {
  const { messages } = session()
  const window = new ReplayWindow(EMPTY_STATE, 0, messages.slice(0, 3))

  expect(() => window.stateAt(4)).toThrow('Tick 4 is not between 0 and 3.')
})
