/** What charts draw beside the line itself: candles, the zero line, the playhead, a selected range, the fills. */

import type uPlot from 'uplot'
import type { CandleColumns } from '../live/candles.ts'
import { indexAt } from '../live/tick_series.ts'
import { withAlpha, type Palette } from './palette.ts'

/** Half of a line's width and a little, canvas pixels: what lies so near to zero is drawn as zero. */
const AT_ZERO = 1.5

/** A contract with one price for longer than this was not quoted, seconds. */
const QUIET = 900

/** Rising candles are hollow, falling ones filled: not told by colour alone. */
export function drawCandles(plot: uPlot, candles: CandleColumns, palette: Palette): void {
  const { ctx, bbox } = plot
  const { min, max } = plot.scales['x'] ?? {}
  if (min == null || max == null) return
  const from = Math.max(0, indexAt(candles.times, min))
  const to = indexAt(candles.times, max)
  const seconds = (candles.times[1] ?? 60) - (candles.times[0] ?? 0) || 60
  const slot = (bbox.width / (max - min)) * seconds
  const width = Math.max(1, Math.min(slot * 0.7, 14 * devicePixelRatio))
  const y = (value: number | undefined): number => plot.valToPos(value ?? Number.NaN, 'y', true)
  ctx.save()
  ctx.beginPath()
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height)
  ctx.clip()
  ctx.lineWidth = Math.max(1, devicePixelRatio)
  for (let index = from; index <= to; index += 1) {
    const middle = plot.valToPos((candles.times[index] ?? 0) + seconds / 2, 'x', true)
    const [open, close] = [y(candles.opens[index]), y(candles.closes[index])]
    const isRising = close <= open
    ctx.strokeStyle = ctx.fillStyle = isRising ? palette.profit : palette.loss
    ctx.beginPath()
    ctx.moveTo(middle, y(candles.highs[index]))
    ctx.lineTo(middle, y(candles.lows[index]))
    ctx.stroke()
    if (width < 3) continue
    const [top, height] = [Math.min(open, close), Math.max(1, Math.abs(open - close))]
    if (isRising) {
      ctx.fillStyle = palette.surface
      ctx.fillRect(middle - width / 2, top, width, height)
      ctx.strokeRect(middle - width / 2, top, width, height)
    } else ctx.fillRect(middle - width / 2, top, width, height)
  }
  ctx.restore()
}

export function drawZeroLine(plot: uPlot, palette: Palette): void {
  const { ctx, bbox } = plot
  const y = Math.round(plot.valToPos(0, 'y', true)) + 0.5
  ctx.save()
  ctx.strokeStyle = palette.muted
  ctx.lineWidth = devicePixelRatio
  ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio])
  ctx.beginPath()
  ctx.moveTo(bbox.left, y)
  ctx.lineTo(bbox.left + bbox.width, y)
  ctx.stroke()
  ctx.restore()
}

/** A line at the moment that is shown, and a veil over what comes after it. */
export function drawFuture(plot: uPlot, time: number, palette: Palette): void {
  const { ctx, bbox } = plot
  const right = bbox.left + bbox.width
  const x = Math.round(plot.valToPos(time, 'x', true))
  if (x > right) return
  ctx.save()
  const from = Math.max(bbox.left, x)
  ctx.fillStyle = withAlpha(palette.surface, 0.66)
  // Above the plot and a little below it as well: labels of markers reach into the margins.
  ctx.fillRect(from, 0, right - from + 26 * devicePixelRatio, bbox.top + bbox.height + 5 * devicePixelRatio)
  if (x >= bbox.left) {
    ctx.fillStyle = palette.mark
    ctx.fillRect(x - devicePixelRatio * 0.75, bbox.top, 1.5 * devicePixelRatio, bbox.height)
  }
  ctx.restore()
}

export function drawRange(plot: uPlot, range: { readonly min: number; readonly max: number }, palette: Palette): void {
  const { ctx, bbox } = plot
  const left = Math.max(bbox.left, plot.valToPos(range.min, 'x', true))
  const right = Math.min(bbox.left + bbox.width, plot.valToPos(range.max, 'x', true))
  if (right <= left) return
  ctx.save()
  ctx.fillStyle = withAlpha(palette.range, 0.16)
  ctx.fillRect(left, bbox.top, right - left, bbox.height)
  ctx.fillStyle = palette.range
  ctx.fillRect(left, bbox.top, devicePixelRatio, bbox.height)
  ctx.fillRect(right - devicePixelRatio, bbox.top, devicePixelRatio, bbox.height)
  ctx.restore()
}

/**
 * Where a contract was not quoted: its last price is carried on until then, and a line across hours would be a price that
 * nobody named. Canvas pixels.
 */
export function quietSpells(plot: uPlot, _series: number, first: number, last: number, gaps: uPlot.Series.Gap[]): uPlot.Series.Gap[] {
  const [times, prices = []] = plot.data
  const found = [...gaps]
  const timeAt = (index: number): number => times[index] ?? 0
  let since = first
  for (let index = first + 1; index <= last; index += 1) {
    if (prices[index] === prices[since] && index < last) continue
    if (timeAt(index) - timeAt(since) > QUIET) found.push([plot.valToPos(timeAt(since), 'x', true), plot.valToPos(timeAt(index), 'x', true)])
    since = index
  }
  return found
}

/** Profit colour above zero, loss colour below, and neither of them for a line that lies at zero. */
export function splitAtZero(plot: uPlot, palette: Palette, alpha: number): CanvasGradient | string {
  const { top, height } = plot.bbox
  const zero = (plot.valToPos(0, 'y', true) - top) / height
  // A chart that is not laid out yet has no height to part.
  if (!Number.isFinite(zero) || height <= 0) return withAlpha(palette.muted, alpha)
  const stop = Math.min(1, Math.max(0, zero))
  const gradient = plot.ctx.createLinearGradient(0, top, 0, top + height)
  const [above, below] = [Math.max(0, stop - AT_ZERO / height), Math.min(1, stop + AT_ZERO / height)]
  gradient.addColorStop(0, withAlpha(palette.profit, alpha))
  gradient.addColorStop(above, withAlpha(palette.profit, alpha))
  gradient.addColorStop(above, withAlpha(palette.axis, alpha))
  gradient.addColorStop(below, withAlpha(palette.axis, alpha))
  gradient.addColorStop(below, withAlpha(palette.loss, alpha))
  gradient.addColorStop(1, withAlpha(palette.loss, alpha))
  return gradient
}

export function verticalFade(plot: uPlot, colour: string, above: number, below: number): CanvasGradient {
  const { top, height } = plot.bbox
  const gradient = plot.ctx.createLinearGradient(0, top, 0, top + height)
  gradient.addColorStop(0, withAlpha(colour, above))
  gradient.addColorStop(1, withAlpha(colour, below))
  return gradient
}
