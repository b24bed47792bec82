import { expect, test } from 'vitest'
import { EMPTY_STATE, fold, parseMessage, type Frame, type Message } from 'backtest-stream'
import { Digest } from '../../src/live/digest.ts'
import { batchOf, execution, frame, tick } from './messages.ts'

const ticks = (from: number, through: number): Frame[] =>
  Array.from({ length: through - from + 1 }, (_unused, index) => frame('tick_update', tick(from + index)))

const folded = (frames: readonly Frame[]): unknown =>
  frames.map((each) => parseMessage(each.event, each.data) as Message).reduce(fold, EMPTY_STATE)

test('S4: what is left to fold gives the fold of everything', () => {
  const record = { ...execution('a', 26, true), event_id: 31, session_id: 's', execution_id: 'e', parent_execution_id: null, timestamp: '', event_type: 'logic_completed' }
  const frames = [...ticks(1, 30), frame('node_event', record), ...ticks(32, 90)]
  const batch = batchOf(frames)

  expect(batch.frames.length).toBeLessThan(6)
  expect(folded(batch.frames)).toEqual(folded(frames))
  expect([batch.ticks.length, batch.ticks[0], batch.ticks.at(-1), batch.times.length, batch.pnls.length]).toEqual([89, 1, 90, 89, 89])
})

test('every tick in which a stop or a target moves is left to fold', () => {
  const guarded = (number: number, level: string): Frame => {
    const position = { position_id: 'p', symbol: 'A', side: 'buy', quantity: 1, entry_price: '1.00', current_price: '1.00', unrealized_pnl: '0.00' } as const
    const levels = { stop_loss_price: null, take_profit_price: null, trailing_stop_price: level }
    return frame('tick_update', tick(number, { open_positions: [{ ...position, ...levels }] }))
  }
  const frames = [...ticks(1, 9), ...[10, 11, 12].map((number) => guarded(number, '1.00')), guarded(13, '1.05'), guarded(14, '1.05'), ...ticks(15, 19)]

  expect(batchOf(frames).frames.map(({ last_event_id }) => last_event_id)).toEqual(['10', '13', '15', '19'])
})

test('a symbol that begins late has no price before', () => {
  const late = tick(2, { ltp: { NIFTY: { ltp: 1, timestamp: '' }, late: { ltp: 7.5, timestamp: '' } } })
  const { prices } = batchOf([...ticks(1, 1), frame('tick_update', late)])

  expect(prices).toEqual([
    { symbol: 'NIFTY', values: Float64Array.of(24_001, 1) },
    { symbol: 'late', values: Float64Array.of(Number.NaN, 7.5) },
  ])
})

test('a batch is given once', () => {
  const digest = new Digest()
  digest.take(ticks(1, 5))

  expect([digest.isEmpty, digest.flush().ticks.length, digest.isEmpty, digest.flush().ticks.length]).toEqual([false, 5, true, 0])
})

test('a tick that is not laid out as expected is parsed whole', () => {
  const { event_id, ...rest } = tick(9)
  const { timestamp, ...others } = rest
  const unusual = { event: 'tick_update', data: JSON.stringify({ event_id, ...others, timestamp }), last_event_id: '9' }

  expect([...batchOf([unusual]).ticks]).toEqual([9])
})
