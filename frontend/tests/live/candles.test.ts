import { expect, test } from 'vitest'
import { Candles } from '../../src/live/candles.ts'
import { Drawdown } from '../../src/live/drawdown.ts'

const TIMES = Float64Array.of(60, 61, 119, 120, 125, 240)
const PRICES = Float64Array.of(10, 14, 9, 12, Number.NaN, 11)

test('candles say open, high, low and close of every span that has a price', () => {
  const { times, opens, highs, lows, closes } = new Candles(60).of(TIMES, PRICES)

  expect([times, opens, highs, lows, closes].map((column) => [...column])).toEqual([[60, 120, 240], [10, 12, 11], [14, 12, 11], [9, 12, 11], [9, 12, 11]])
})

test('candles that grew tick by tick are those of the whole', () => {
  const growing = new Candles(60)
  for (let length = 1; length < TIMES.length; length += 1) growing.of(TIMES.subarray(0, length), PRICES.subarray(0, length))

  expect(growing.of(TIMES, PRICES)).toEqual(new Candles(60).of(TIMES, PRICES))
})

test('candles begin anew when an earlier part of the day has come', () => {
  const candles = new Candles(60)
  candles.of(TIMES.subarray(3), PRICES.subarray(3))

  expect(candles.of(TIMES, PRICES)).toEqual(new Candles(60).of(TIMES, PRICES))
})

test('drawdown is the distance to the highest so far, and the day begins at zero', () => {
  const pnls = Float64Array.of(-5, 10, 4, 12, 12)
  const drawdown = new Drawdown()
  drawdown.of(TIMES.subarray(0, 2), pnls.subarray(0, 2))

  expect([...drawdown.of(TIMES.subarray(0, 5), pnls)]).toEqual([-5, 0, -6, 0, 0])
})
