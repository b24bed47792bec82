import { describe, expect, test } from 'vitest'
import { indexAt, TickSeries, valueAt, type SeriesColumns } from '../../src/live/tick_series.ts'

function columns(from: number, through: number): SeriesColumns {
  const tick = Array.from({ length: through - from + 1 }, (_unused, index) => from + index)
  return {
    tick,
    time: tick.map((number) => 1000 + number),
    underlying: tick.map((number) => 24_000 + number),
    total_pnl: tick.map((number) => `${-number}.50`),
  }
}

const LEG = 'NIFTY:2024-11-07:OPT:24250:PE'

/** Ticks as they arrive: price 24,000 + tick, P&L −tick − 0.50. */
function appendRange(series: TickSeries, from: number, through: number, legs: readonly string[] = []): void {
  const ticks = Float64Array.from({ length: through - from + 1 }, (_unused, index) => from + index)
  const prices = ['NIFTY', ...legs].map((symbol) => ({ symbol, values: ticks.map((tick) => 24_000 + tick) }))
  series.append({ ticks, times: ticks.map((tick) => 1000 + tick), pnls: ticks.map((tick) => -tick - 0.5), prices })
}

function day(): TickSeries {
  return new TickSeries('NIFTY')
}

function contents(series: TickSeries): number[][] {
  const { times, prices, pnls } = series.view()
  return [[...times], [...prices], [...pnls]]
}

describe('the series of a day', () => {
  const whole = day()
  appendRange(whole, 1, 9000)

  test('S8: history and live ticks join without a hole, whichever comes first', () => {
    const liveFirst = day()
    appendRange(liveFirst, 5000, 9000)
    expect([liveFirst.hasHole, liveFirst.length]).toEqual([true, 4001])
    expect(liveFirst.merge(columns(1, 5200))).toBe(true)

    const historyFirst = day()
    historyFirst.merge(columns(1, 5200))
    appendRange(historyFirst, 5000, 9000)

    expect(contents(liveFirst)).toEqual(contents(whole))
    expect(contents(historyFirst)).toEqual(contents(whole))
  })

  test('keeps its hole while history ends before it', () => {
    const series = day()
    appendRange(series, 500, 510)

    expect(series.merge(columns(1, 400))).toBe(false)
    expect([series.first, series.last, series.hasHole]).toEqual([500, 510, true])
  })

  test('takes a tick that comes twice once', () => {
    const series = day()
    appendRange(series, 1, 3)
    appendRange(series, 2, 2)

    expect(contents(series)).toEqual([[1001, 1002, 1003], [24_001, 24_002, 24_003], [-1.5, -2.5, -3.5]])
  })

  test('repeats the last price where a second has none', () => {
    const series = day()
    const prices = [{ symbol: 'NIFTY', values: Float64Array.of(100, Number.NaN) }]
    series.append({ ticks: Float64Array.of(1, 2), times: Float64Array.of(1, 2), pnls: Float64Array.of(0, 0), prices })

    expect([...series.view().prices]).toEqual([100, 100])
  })

  test('holds a contract that is followed from its first price on, and the rest once it was fetched', () => {
    const series = day()
    appendRange(series, 1, 50)
    series.follow(LEG)
    appendRange(series, 51, 99, ['nobody’s'])
    appendRange(series, 100, 102, [LEG])
    appendRange(series, 103, 104)

    expect([...series.priceView(LEG).prices]).toEqual([24_100, 24_101, 24_102, 24_102, 24_102])
    expect(series.priceView(LEG).times[0]).toBe(1100)

    series.mergePrices(LEG, [1, 2, 3, 98, 99], [null, 50, 51, null, 52])
    expect([...series.priceView(LEG).prices]).toEqual([52, 24_100, 24_101, 24_102, 24_102, 24_102])
    expect(series.priceView('nobody’s').prices).toHaveLength(0)
  })

  test('knows the time of a tick and the tick of a time', () => {
    expect([whole.timeOf(1), whole.timeOf(9000), whole.timeOf(9001)]).toEqual([1001, 10_000, Number.NaN])
    expect([999, 1001, 5000.5, 99_999].map((time) => whole.tickAt(time))).toEqual([0, 1, 4000, 9000])
    expect(indexAt(new Float64Array(0), 5)).toBe(-1)
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
