import { describe, expect, test } from 'vitest'
import { TickSeries, valueAt, type SeriesColumns } from '../../src/live/tick_series.ts'

function columns(from: number, through: number): SeriesColumns {
  const tick = Array.from({ length: through - from + 1 }, (_unused, index) => from + index)
  return {
    tick,
    time: tick.map((number) => 1000 + number),
    underlying: tick.map((number) => 24_000 + number),
    total_pnl: tick.map((number) => `${-number}.50`),
  }
}

function appendRange(series: TickSeries, from: number, through: number): void {
  for (let tick = from; tick <= through; tick += 1) series.append(tick, 1000 + tick, 24_000 + tick, -tick - 0.5)
}

function contents(series: TickSeries): number[][] {
  const { times, prices, pnls } = series.view()
  return [[...times], [...prices], [...pnls]]
}

describe('the series of a day', () => {
  const whole = new TickSeries()
  appendRange(whole, 1, 9000)

  test('S8: history and live ticks join without a hole, whichever comes first', () => {
    const liveFirst = new TickSeries()
    appendRange(liveFirst, 5000, 9000)
    expect([liveFirst.hasHole, liveFirst.length]).toEqual([true, 4001])
    expect(liveFirst.merge(columns(1, 5200))).toBe(true)

    const historyFirst = new TickSeries()
    historyFirst.merge(columns(1, 5200))
    appendRange(historyFirst, 5000, 9000)

    expect(contents(liveFirst)).toEqual(contents(whole))
    expect(contents(historyFirst)).toEqual(contents(whole))
  })

  test('keeps its hole while history ends before it', () => {
    const series = new TickSeries()
    appendRange(series, 500, 510)

    expect(series.merge(columns(1, 400))).toBe(false)
    expect([series.first, series.last, series.hasHole]).toEqual([500, 510, true])
  })

  test('takes a tick that comes twice once', () => {
    const series = new TickSeries()
    appendRange(series, 1, 3)
    series.append(2, 0, 0, 0)

    expect(contents(series)).toEqual([[1001, 1002, 1003], [24_001, 24_002, 24_003], [-1.5, -2.5, -3.5]])
  })

  test('repeats the last price where a second has none', () => {
    const series = new TickSeries()
    series.append(1, 1, 100, 0)
    series.append(2, 2, Number.NaN, 0)

    expect([...series.view().prices]).toEqual([100, 100])
  })

  test('gives the value at a time, and none outside', () => {
    const { times, prices } = whole.view()

    expect([1000, 1001, 1001.5, 10_000, 10_001].map((time) => valueAt(times, prices, time))).toEqual([
      Number.NaN,
      24_001,
      24_001,
      33_000,
      Number.NaN,
    ])
  })
})
