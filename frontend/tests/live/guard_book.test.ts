import type { OpenPosition } from 'backtest-stream'
import { expect, test } from 'vitest'
import { parseTimestamp } from '../../src/exchange_time.ts'
import { GuardBook, levelAt, type GuardsDocument } from '../../src/live/guard_book.ts'
import { tick } from './messages.ts'

const PUT = 'NIFTY:2024-11-07:OPT:24250:PE'
const ENTERED = '2024-10-29 09:15:00+05:30'
const FIRST = parseTimestamp(ENTERED)

function position(levels: Partial<OpenPosition> = {}, entry_time = ENTERED): OpenPosition {
  const marked = { current_price: '2.00', unrealized_pnl: '75.00', entry_price: '1.00' } as const
  return { position_id: 'p', symbol: PUT, side: 'sell', quantity: 75, entry_time, ...marked, ...levels }
}

/** A book that was told of some ticks: what is open at each of them. */
function told(from: number, ...ticks: readonly (readonly OpenPosition[])[]): GuardBook {
  const book = new GuardBook()
  ticks.forEach((open_positions, place) => book.add(tick(from + place, { open_positions })))
  return book
}

const history = (trail: GuardsDocument['trailing_stop_price']): GuardsDocument[] => [
  { position_id: 'p', entry_time: ENTERED, symbol: PUT, ...(trail === undefined ? {} : { trailing_stop_price: trail }) },
]
const timeOf = (number: number): number => FIRST + number - 1

test('live ticks give the steps of a level, and its end with the position', () => {
  const trailing = (price: string | null): OpenPosition[] => [position({ stop_loss_price: '3.00', trailing_stop_price: price })]
  const book = told(1, trailing(null), trailing('2.50'), trailing('2.50'), trailing('2.25'), [])

  const guards = book.of(position())

  expect(guards).toMatchObject({
    stop: { times: [FIRST, FIRST + 4], prices: [3, Number.NaN] },
    target: { times: [], prices: [] },
    trail: { times: [FIRST + 1, FIRST + 3, FIRST + 4], prices: [2.5, 2.25, Number.NaN] },
  })
  expect([0, 1, 3, 4].map((second) => guards && levelAt(guards.trail, FIRST + second))).toEqual([Number.NaN, 2.5, 2.25, Number.NaN])
})

test('a position that nothing guards has no steps, and one that is entered again has its own', () => {
  const again = '2024-10-29 09:15:03+05:30'
  const book = told(1, [position()], [position({ stop_loss_price: null })], [], [position({ stop_loss_price: '4.00' }, again)])

  expect(book.of(position())).toBeNull()
  expect(book.of(position({}, again))?.stop.prices).toEqual([4])
})

test('a tick that was told already changes nothing', () => {
  const book = told(5, [position({ stop_loss_price: '3.00' })])

  book.add(tick(5, { open_positions: [] }))
  book.add(tick(4, { open_positions: [position({ stop_loss_price: '9.00' })] }))

  expect(book.of(position())?.stop.prices).toEqual([3])
})

test('history and live ticks are the same steps, whichever comes first and wherever they meet', () => {
  const whole: [number, string][] = [[1, '9.00'], [3, '8.00'], [6, '7.00'], [9, '6.00']]
  const ticks = Array.from({ length: 10 }, (_unused, place) => {
    const level = whole.findLast(([at]) => at <= place + 1)?.[1] ?? null
    return [position({ trailing_stop_price: level })]
  })
  const expected = { times: whole.map(([at]) => timeOf(at)), prices: [9, 8, 7, 6] }

  for (let joined = 1; joined <= 10; joined += 1) {
    for (let through = joined - 1; through <= 10; through += 1) {
      const book = told(joined, ...ticks.slice(joined - 1))
      const { trail } = book.of(position()) ?? { trail: null }
      book.merge(history(whole.filter(([at]) => at <= through)), through, timeOf)

      const merged = book.of(position())?.trail
      // What is told a second time at the seam is the same level.
      const steps = merged?.times.map((time, place) => [time, merged.prices[place]]).filter(([, price], place, all) => all[place - 1]?.[1] !== price)
      expect(steps, `joined at ${joined}, history through ${through}`).toEqual(expected.times.map((time, place) => [time, expected.prices[place]]))
      expect(merged).toBe(trail)
    }
  }
})

test('the revision counts levels and histories, not the steps of a level that moves', () => {
  const book = told(1, [position({ trailing_stop_price: '9.00' })])
  const before = book.revision

  book.add(tick(2, { open_positions: [position({ trailing_stop_price: '8.00' })] }))
  expect(book.revision).toBe(before)
  book.add(tick(3, { open_positions: [position({ trailing_stop_price: '8.00', stop_loss_price: '10.00' })] }))
  expect(book.revision).toBe(before + 1)
  book.merge([], 3, timeOf)
  expect(book.revision).toBe(before + 1)
  book.merge(history([[1, '9.00']]), 1, timeOf)
  expect(book.revision).toBe(before + 2)
})
