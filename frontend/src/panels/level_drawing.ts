/**
 * Draws the prices at which positions were entered and are guarded, for as long as they are open: thin lines, each kind with
 * dashes of its own, a trailing stop as steps. What stands at the moment that is shown has a tag with its name and price.
 */

import type uPlot from 'uplot'
import { levelAt } from '../live/guard_book.ts'
import { indexAt } from '../live/tick_series.ts'
import type { TradeLevel, TradeMarks } from '../live/trade_markers.ts'
import { placeTags } from './level_tags.ts'
import { withAlpha, type Palette } from './palette.ts'

const NAMES = { entry: 'IN', stop: 'SL', target: 'TP', trail: 'TSL' } as const
const DASHES = { entry: [1, 3], stop: [6, 3], target: [10, 4], trail: [6, 3, 1, 3] } as const
const COLOURS = { entry: 'open', stop: 'loss', target: 'profit', trail: 'loss' } as const
/** Height of a tag, and the space beside its text, CSS pixels. */
const TAG_HEIGHT = 15
const TAG_PADDING = 5
/** Space between the moment and a tag, CSS pixels. */
const TAG_GAP = 6
/** Half the space between two tags, CSS pixels. */
const TAG_AIR = 0.5
/** So much of the values' own span may the levels add on either side; what lies further out is told at the edge. */
const REACH = 1

/** Draw the lines. `lastTime` is the last moment that has come. */
export function drawLevels(chart: uPlot, marks: TradeMarks, lastTime: number, palette: Palette): void {
  const { ctx, bbox } = chart
  const ratio = devicePixelRatio
  ctx.save()
  ctx.beginPath()
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height)
  ctx.clip()
  ctx.lineWidth = 1.25 * ratio
  for (const level of marks.levels) {
    const end = level.end ?? lastTime
    if (chart.valToPos(end, 'x', true) < bbox.left || chart.valToPos(level.start, 'x', true) > bbox.left + bbox.width) continue
    ctx.strokeStyle = palette[COLOURS[level.kind]]
    ctx.setLineDash(DASHES[level.kind].map((length) => length * ratio))
    ctx.beginPath()
    traceSteps(chart, level, end)
    ctx.stroke()
  }
  ctx.restore()
}

function traceSteps(chart: uPlot, { start, steps: { times, prices } }: TradeLevel, end: number): void {
  const { ctx, bbox } = chart
  const right = Math.min(bbox.left + bbox.width, chart.valToPos(end, 'x', true))
  const from = Math.max(0, indexAt(times, chart.posToVal(bbox.left, 'x', true)))
  let isDown = false
  for (let place = from; place < times.length; place += 1) {
    const price = prices[place] ?? Number.NaN
    const x = Math.max(bbox.left, chart.valToPos(Math.max(start, times[place] ?? 0), 'x', true))
    if (x > right) break
    const next = times[place + 1]
    const until = next === undefined ? right : Math.min(right, chart.valToPos(next, 'x', true))
    if (Number.isNaN(price)) {
      isDown = false
      continue
    }
    const y = Math.round(chart.valToPos(price, 'y', true)) + 0.5
    if (isDown) ctx.lineTo(x, y)
    else ctx.moveTo(x, y)
    ctx.lineTo(until, y)
    isDown = true
  }
}

/** Draw the tags of the levels that stand at a moment. Where a level lies outside the chart, its tag says so at the edge. */
export function drawLevelTags(chart: uPlot, marks: TradeMarks, moment: number, palette: Palette): void {
  const { ctx, bbox } = chart
  const ratio = devicePixelRatio
  const at = chart.valToPos(moment, 'x', true)
  if (at < bbox.left || at > bbox.left + bbox.width + 1) return
  const [top, bottom] = [bbox.top, bbox.top + bbox.height]
  const height = TAG_HEIGHT * ratio
  const heightOf = (price: number): number => chart.valToPos(price, 'y', true)
  // An entry's price stands beside its marker; its tag gives way to those of stops and targets.
  const standing = standingAt(marks, moment).filter(
    ({ level, price }, _place, all) =>
      level.kind !== 'entry' || all.every((other) => other.level === level || Math.abs(heightOf(other.price) - heightOf(price)) > 1.5 * height),
  )
  if (standing.length === 0) return
  ctx.save()
  ctx.font = `600 ${10 * ratio}px ui-sans-serif, system-ui, sans-serif`
  ctx.textAlign = 'left'
  ctx.textBaseline = 'middle'
  ctx.lineWidth = ratio
  const tags = standing.map(({ level, price }) => {
    const y = heightOf(price)
    const arrow = y < top ? ' ↑' : y > bottom ? ' ↓' : ''
    const text = `${NAMES[level.kind]} ${price.toFixed(2)}${arrow}`
    return { kind: level.kind, text, width: ctx.measureText(text).width + 2 * TAG_PADDING * ratio, y }
  })
  const ys = placeTags(tags.map(({ y }) => y), height + 2 * TAG_AIR * ratio, top, bottom)
  const widest = Math.max(...tags.map(({ width }) => width))
  // To the right of the moment where there is room, else to its left.
  const isRight = at + TAG_GAP * ratio + widest <= bbox.left + bbox.width + 22 * ratio
  tags.forEach(({ kind, text, width }, place) => {
    const colour = palette[COLOURS[kind]]
    const left = isRight ? at + TAG_GAP * ratio : at - TAG_GAP * ratio - width
    const y = ys[place] ?? 0
    ctx.beginPath()
    ctx.roundRect(left, y - height / 2, width, height, 3 * ratio)
    ctx.fillStyle = palette.surface
    ctx.fill()
    ctx.fillStyle = withAlpha(colour, 0.14)
    ctx.fill()
    ctx.strokeStyle = withAlpha(colour, 0.75)
    ctx.stroke()
    ctx.fillStyle = palette.text
    ctx.fillText(text, left + TAG_PADDING * ratio, y + 0.5 * ratio)
  })
  ctx.restore()
}

/** The levels that stand at a moment, each with its price. */
export function standingAt(marks: TradeMarks, moment: number): { readonly level: TradeLevel; readonly price: number }[] {
  const found: { readonly level: TradeLevel; readonly price: number }[] = []
  for (const level of marks.levels) {
    if (moment < level.start || (level.end !== null && moment >= level.end)) continue
    const price = levelAt(level.steps, moment)
    if (!Number.isNaN(price)) found.push({ level, price })
  }
  return found
}

/** Widen a range of values so that the stops and targets in sight are in it, as long as the values stay legible. */
export function widened(low: number, high: number, marks: TradeMarks, from: number, through: number): [number, number] {
  const reach = (high - low) * REACH
  let [lowest, highest] = [low, high]
  for (const { kind, start, end, steps } of marks.levels) {
    if (kind === 'entry' || start > through || (end !== null && end < from)) continue
    // A trailing stop follows the price: where it began and where it is now are its extremes.
    for (const price of [steps.prices[0], steps.prices.findLast((each) => !Number.isNaN(each))]) {
      if (price === undefined) continue
      if (price < lowest && price >= low - reach) lowest = price
      if (price > highest && price <= high + reach) highest = price
    }
  }
  return [lowest, highest]
}

/** What stands at a moment in words: "stop 182.50, target 140.00"; empty where nothing does. */
export function levelWords(marks: TradeMarks, moment: number): string {
  const words = { entry: 'entered at', stop: 'stop', target: 'target', trail: 'trailing stop' } as const
  return standingAt(marks, moment)
    .map(({ level, price }) => `${words[level.kind]} ${price.toFixed(2)}`)
    .join(', ')
}
