/**
 * Draws trades on a chart: the same shapes, colours and labels on every one. Shape tells entry, exit, stop and target
 * apart, not colour alone. The lines of stops and targets are drawn beside it, in level_drawing.ts.
 */

import type uPlot from 'uplot'
import type { MarkerKind, Outcome, TradeMarker, TradeMarks } from '../live/trade_markers.ts'
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
    ctx.fillStyle = withAlpha(colourOf(span.outcome, palette), 0.085)
    ctx.fillRect(left, bbox.top, right - left, bbox.height)
  }
  ctx.restore()
}

/** Draw entries below the line and exits above it, each with its trade's number. `valueAt` gives a marker's height. */
export function drawMarkers(
  chart: uPlot,
  marks: TradeMarks,
  valueAt: (marker: TradeMarker) => number,
  palette: Palette,
): void {
  const { ctx, bbox } = chart
  const ratio = devicePixelRatio
  const size = MARKER_SIZE * ratio
  const labelled = { 1: Number.NEGATIVE_INFINITY, '-1': Number.NEGATIVE_INFINITY }
  const labels: { readonly text: string; readonly x: number; readonly y: number; readonly baseline: CanvasTextBaseline }[] = []
  ctx.save()
  ctx.font = `600 ${10.5 * ratio}px ui-sans-serif, system-ui, sans-serif`
  ctx.textAlign = 'center'
  ctx.lineWidth = 1.5 * ratio
  ctx.lineJoin = 'round'
  for (const marker of [...marks.markers].sort((one, other) => one.time - other.time)) {
    const value = valueAt(marker)
    const x = chart.valToPos(marker.time, 'x', true)
    if (!Number.isFinite(value) || x < bbox.left - size || x > bbox.left + bbox.width + size) continue
    const direction = marker.kind === 'entry' ? 1 : -1
    const tip = chart.valToPos(value, 'y', true) + direction * MARKER_GAP * ratio
    ctx.fillStyle = marker.kind === 'entry' ? palette.open : colourOf(marker.outcome, palette)
    ctx.strokeStyle = palette.surface
    tracePath(ctx, marker.kind, x, tip, size)
    ctx.stroke()
    ctx.fill()
    if (x - labelled[direction] < LABEL_SPACING * ratio) continue
    labelled[direction] = x
    const y = tip + direction * (size * 1.8 + 2 * ratio)
    labels.push({ text: marker.label, x, y, baseline: direction === 1 ? 'top' : 'bottom' })
  }
  // After all shapes, so that none covers a number.
  ctx.lineWidth = 3 * ratio
  ctx.strokeStyle = palette.surface
  ctx.fillStyle = palette.text
  for (const { text, x, y, baseline } of labels) {
    ctx.textBaseline = baseline
    ctx.strokeText(text, x, y)
    ctx.fillText(text, x, y)
  }
  ctx.restore()
}

/** A triangle up for an entry, down for an exit on a signal; a square for a stop, a diamond for a target, a disc for the close. */
function tracePath(ctx: CanvasRenderingContext2D, kind: MarkerKind, x: number, tip: number, size: number): void {
  const direction = kind === 'entry' ? 1 : -1
  const far = tip + direction * size * 1.7
  const middle = (tip + far) / 2
  ctx.beginPath()
  switch (kind) {
    case 'entry':
    case 'exit':
      ctx.moveTo(x, tip)
      ctx.lineTo(x - size, far)
      ctx.lineTo(x + size, far)
      break
    case 'stop':
      ctx.rect(x - size * 0.85, Math.min(tip, far), size * 1.7, size * 1.7)
      break
    case 'target':
      ctx.moveTo(x, tip)
      ctx.lineTo(x - size, middle)
      ctx.lineTo(x, far)
      ctx.lineTo(x + size, middle)
      break
    case 'close':
      ctx.arc(x, middle, size * 0.85, 0, 2 * Math.PI)
      break
  }
  ctx.closePath()
}
