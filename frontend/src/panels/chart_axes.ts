/** The axes of every chart: exchange time below, numbers that are never clipped beside. */

import type uPlot from 'uplot'
import { formatTime, wallClock } from '../exchange_time.ts'
import { formatPrice } from '../numbers.ts'
import type { Palette } from './palette.ts'

export function axisStyle(palette: () => Palette): Pick<uPlot.Axis, 'stroke' | 'grid' | 'ticks' | 'font'> {
  return {
    stroke: () => palette().axis,
    font: '11px ui-sans-serif, system-ui, sans-serif',
    grid: { stroke: () => palette().grid, width: 1 },
    ticks: { show: false },
  }
}

/** "09:30", with seconds where the labels stand closer than a minute. */
export function axisTimes(splits: readonly number[]): string[] {
  const isFine = splits.some((at) => at % 60 !== 0)
  return splits.map((at) => formatTime(at).slice(0, isFine ? 8 : 5))
}

export function axisNumber(value: number, splits: readonly number[]): string {
  const text = formatPrice(value)
  return splits.every(Number.isInteger) ? text.slice(0, -3) : text
}

/** Room for the longest number; uPlot's own width clips those of five digits. */
export function axisWidth(values: readonly string[]): number {
  return 20 + 6.4 * Math.max(0, ...values.map((value) => value.length))
}

/** uPlot finds round times by a date's local fields; this date has exchange time in them, whatever the browser's zone. */
export function exchangeDate(unixSeconds: number): Date {
  const date = wallClock(unixSeconds)
  return new Date(
    date.getUTCFullYear(),
    date.getUTCMonth(),
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds(),
  )
}
