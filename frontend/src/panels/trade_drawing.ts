/** Draws trades on a chart: the same shapes, colours and labels on every one. Shape tells entry from exit, not colour alone. */

import type uPlot from 'uplot'
import type { Outcome, TradeMarks } from '../live/trade_markers.ts'
import { withAlpha, type Palette } from './palette.ts'

/** Half the width of a marker, CSS pixels. */
const MARKER_SIZE = 5
/** Space between the line and a marker's tip, CSS pixels. */
const MARKER_GAP = 5
/** Labels nearer than this to the last one of their row are left out, CSS pixels: two digits and a little air. */
const LABEL_SPACING = 17

function colourOf(outcome: Outcome, palette: Palette): string {
  if (outcome === 'profit') return palette.profit
  if (outcome === 'loss') return palette.loss
  return palette.open
}

/** Tint the time that each position was open. */
export function drawSpans(chart: uPlot, marks: TradeMarks, lastTime: number, palette: Palette): void {
  const { ctx, bbox } = chart
  ctx.save()
  for (const span of marks.spans) {
    const left = Math.max(bbox.left, chart.valToPos(span.start, 'x', true))
    const right = Math.min(bbox.left + bbox.width, chart.valToPos(span.end ?? lastTime, 'x', true))
    if (right <= left) continue
    ctx.fillStyle = withAlpha(colourOf(span.outcome, palette), 0.09)
    ctx.fillRect(left, bbox.top, right - left, bbox.height)
  }
  ctx.restore()
}

/** Draw entries below the line, pointing up, and exits above it, pointing down, each with its trade's number. */
export function drawMarkers(
  chart: uPlot,
  marks: TradeMarks,
  valueAt: (time: number) => number,
  palette: Palette,
): void {
  const { ctx, bbox } = chart
  const ratio = devicePixelRatio
  const size = MARKER_SIZE * ratio
  const labelled = { entry: Number.NEGATIVE_INFINITY, exit: Number.NEGATIVE_INFINITY }
  const labels: { readonly text: string; readonly x: number; readonly y: number; readonly baseline: CanvasTextBaseline }[] = []
  ctx.save()
  ctx.font = `600 ${10.5 * ratio}px ui-sans-serif, system-ui, sans-serif`
  ctx.textAlign = 'center'
  ctx.lineWidth = 1.5 * ratio
  ctx.lineJoin = 'round'
  for (const marker of [...marks.markers].sort((one, other) => one.time - other.time)) {
    const value = valueAt(marker.time)
    const x = chart.valToPos(marker.time, 'x', true)
    if (!Number.isFinite(value) || x < bbox.left - size || x > bbox.left + bbox.width + size) continue
    const direction = marker.kind === 'entry' ? 1 : -1
    const tip = chart.valToPos(value, 'y', true) + direction * MARKER_GAP * ratio
    ctx.fillStyle = marker.kind === 'entry' ? palette.open : colourOf(marker.outcome, palette)
    ctx.strokeStyle = palette.surface
    ctx.beginPath()
    ctx.moveTo(x, tip)
    ctx.lineTo(x - size, tip + direction * size * 1.7)
    ctx.lineTo(x + size, tip + direction * size * 1.7)
    ctx.closePath()
    ctx.stroke()
    ctx.fill()
    if (x - labelled[marker.kind] < LABEL_SPACING * ratio) continue
    labelled[marker.kind] = x
    const y = tip + direction * (size * 1.7 + 2 * ratio)
    labels.push({ text: marker.label, x, y, baseline: direction === 1 ? 'top' : 'bottom' })
  }
  // After all shapes, so that none covers a number.
  ctx.lineWidth = 3 * ratio
  ctx.fillStyle = palette.text
  for (const { text, x, y, baseline } of labels) {
    ctx.textBaseline = baseline
    ctx.strokeText(text, x, y)
    ctx.fillText(text, x, y)
  }
  ctx.restore()
}
