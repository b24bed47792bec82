/**
 * Price and P&L over the day: one clock, one cursor, the same trades on both.
 */

import uPlot from 'uplot'
import { byId, setText } from '../dom.ts'
import { formatTime, wallClock } from '../exchange_time.ts'
import type { Panel } from '../live/frame_loop.ts'
import type { SessionStore } from '../live/session_store.ts'
import { valueAt, type SeriesView } from '../live/tick_series.ts'
import { tradeMarks, type TradeMarks } from '../live/trade_markers.ts'
import { formatPrice, formatSignedMoney } from '../numbers.ts'
import { onThemeChange, readPalette, withAlpha, type Palette } from './palette.ts'
import { drawMarkers, drawSpans } from './trade_drawing.ts'

const SYNC_KEY = 'session'
/** Spans that the time axis grows through, seconds, so that it does not move with every tick. */
const AXIS_SPANS = [900, 1_800, 3_600, 7_200, 10_800, 14_400, 18_000]
/** Ticks that a key moves the cursor; with Shift, sixty times as far. */
const STEPS: { readonly [key: string]: number } = { ArrowLeft: -1, ArrowRight: 1 }
const NOTHING_TRADED: TradeMarks = { markers: [], spans: [] }

/** What the two charts draw from; replaced as a whole before each drawing. */
interface Scene {
  view: SeriesView
  marks: TradeMarks
  palette: Palette
  /** Width of the value axes, the same on both charts, so that one time stands at one place. */
  axisWidth: number
}

export class ChartsPanel implements Panel {
  readonly interval = 33
  readonly #store: SessionStore
  readonly #totalTicks: () => number | null
  readonly #scene: Scene
  readonly #price: Chart
  readonly #pnl: Chart
  #described = Number.NEGATIVE_INFINITY

  /** @param totalTicks Ticks that the session will have; null while it is not known. */
  constructor(store: SessionStore, underlying: string, totalTicks: () => number | null) {
    this.#store = store
    this.#totalTicks = totalTicks
    this.#scene = { view: store.series.view(), marks: NOTHING_TRADED, palette: readPalette(), axisWidth: 0 }
    this.#price = new Chart('price-chart', underlying, this.#scene, 'prices', (value) => formatPrice(value))
    this.#pnl = new Chart('pnl-chart', 'Total P&L', this.#scene, 'pnls', (value) => formatSignedMoney(value.toFixed(2)))
    for (const chart of [this.#price, this.#pnl]) chart.onKeys((by) => this.#stepCursor(chart, by))
    onThemeChange(() => {
      this.#scene.palette = readPalette()
      this.#price.redraw()
      this.#pnl.redraw()
    })
  }

  draw(now: number): void {
    const { series, state } = this.#store
    if (series.length === 0) return
    this.#scene.view = series.view()
    this.#scene.marks = tradeMarks(state.trades.trades, state.diagnostics.current_state?.open_positions ?? [])
    const range = axisRange(this.#scene.view.times, this.#totalTicks(), this.#store.completion !== null)
    this.#price.draw(range)
    this.#pnl.draw(range)
    // A description that changes thirty times a second serves nobody.
    if (now - this.#described < 2_000 && this.#store.completion === null) return
    this.#described = now
    this.#price.describe()
    this.#pnl.describe()
  }

  #stepCursor(chart: Chart, by: number): void {
    const last = this.#scene.view.times.length - 1
    if (last < 0) return
    const index = Math.min(last, Math.max(0, (chart.cursor ?? last) + by))
    this.#price.cursor = index
    this.#pnl.cursor = index
  }
}

/** One canvas with its caption. */
class Chart {
  readonly #scene: Scene
  readonly #column: 'prices' | 'pnls'
  readonly #name: string
  readonly #format: (value: number) => string
  readonly #holder: HTMLElement
  readonly #readout: Element | null
  readonly #plot: uPlot

  constructor(id: string, name: string, scene: Scene, column: 'prices' | 'pnls', format: (value: number) => string) {
    this.#scene = scene
    this.#column = column
    this.#name = name
    this.#format = format
    const figure = byId(id)
    const holder = figure?.querySelector<HTMLElement>('.chart-canvas')
    if (figure == null || holder == null) throw new Error(`The page has no chart ${id}.`)
    this.#holder = holder
    this.#readout = figure.querySelector('.chart-readout')
    this.#plot = new uPlot(this.#options(), [[], []], holder)
    new ResizeObserver(() => this.#resize()).observe(holder)
  }

  /** Place of the cursor in the columns; null while there is none. */
  get cursor(): number | null {
    return this.#plot.cursor.idx ?? null
  }

  set cursor(index: number) {
    const left = this.#plot.valToPos(this.#scene.view.times[index] ?? 0, 'x')
    this.#plot.setCursor({ left, top: this.#plot.over.clientHeight / 2 })
  }

  /** Call back with a number of ticks to move the cursor by. */
  onKeys(step: (by: number) => void): void {
    this.#holder.addEventListener('keydown', (event) => {
      const by = STEPS[event.key]
      if (by === undefined) return
      event.preventDefault()
      step(by * (event.shiftKey ? 60 : 1))
    })
  }

  draw({ min, max }: { readonly min: number; readonly max: number }): void {
    const { times } = this.#scene.view
    this.#plot.batch(() => {
      this.#plot.setData([times, this.#scene.view[this.#column]], false)
      this.#plot.setScale('x', { min, max })
    })
    if (this.#plot.cursor.idx == null) this.#read(times.length - 1)
  }

  redraw(): void {
    this.#plot.redraw(false)
  }

  /** Say in one sentence what the picture shows. */
  describe(): void {
    const { times } = this.#scene.view
    const values = this.#scene.view[this.#column]
    let low = Number.POSITIVE_INFINITY
    let high = Number.NEGATIVE_INFINITY
    for (const value of values) {
      if (value < low) low = value
      if (value > high) high = value
    }
    const from = formatTime(times[0] ?? Number.NaN)
    const to = formatTime(times.at(-1) ?? Number.NaN)
    const last = this.#format(values.at(-1) ?? Number.NaN)
    this.#holder.setAttribute(
      'aria-label',
      `${this.#name}, ${from} to ${to} IST: low ${this.#format(low)}, high ${this.#format(high)}, last ${last}. Arrow keys move the cursor.`,
    )
  }

  #read(index: number | null | undefined): void {
    const at = index ?? this.#scene.view.times.length - 1
    const time = this.#scene.view.times[at]
    const value = this.#scene.view[this.#column][at]
    if (time !== undefined && value !== undefined) setText(this.#readout, `${formatTime(time)}  ${this.#format(value)}`)
  }

  #resize(): void {
    const { clientWidth: width, clientHeight: height } = this.#holder
    if (width > 0 && height > 0 && (width !== this.#plot.width || height !== this.#plot.height)) {
      this.#plot.setSize({ width, height })
    }
  }

  #options(): uPlot.Options {
    const scene = this.#scene
    const isPnl = this.#column === 'pnls'
    const axis = (): Pick<uPlot.Axis, 'stroke' | 'grid' | 'ticks' | 'font'> => ({
      stroke: () => scene.palette.axis,
      font: '11px ui-sans-serif, system-ui, sans-serif',
      grid: { stroke: () => scene.palette.grid, width: 1 },
      ticks: { show: false },
    })
    return {
      width: Math.max(1, this.#holder.clientWidth),
      height: Math.max(1, this.#holder.clientHeight),
      padding: [10, 26, 0, 0],
      legend: { show: false },
      tzDate: (unixSeconds) => utcFieldsAsLocal(wallClock(unixSeconds)),
      cursor: {
        sync: { key: SYNC_KEY },
        y: false,
        drag: { x: false, y: false },
        points: { size: 7, fill: () => (isPnl ? scene.palette.text : scene.palette.price), stroke: () => scene.palette.surface },
      },
      scales: { x: { time: true, auto: false }, y: { range: (_plot, low, high) => paddedRange(low, high, isPnl) } },
      series: [
        {},
        {
          width: 1.4,
          points: { show: false },
          stroke: (plot) => (isPnl ? splitAtZero(plot, scene.palette, 1) : scene.palette.price),
          fill: (plot) => (isPnl ? splitAtZero(plot, scene.palette, 0.13) : verticalFade(plot, scene.palette.price)),
          ...(isPnl ? { fillTo: 0 } : {}),
        },
      ],
      axes: [
        { ...axis(), size: 28, gap: 6, space: 64, values: (_plot, splits) => splits.map((at) => formatTime(at).slice(0, 5)) },
        {
          ...axis(),
          size: (_plot, values) => widestAxis(scene, values ?? []),
          gap: 8,
          space: 26,
          values: (_plot, splits) => splits.map((value) => axisNumber(value, splits)),
        },
      ],
      hooks: {
        drawAxes: [(plot) => drawSpans(plot, scene.marks, scene.view.times.at(-1) ?? 0, scene.palette)],
        draw: [
          (plot) => {
            if (isPnl) drawZeroLine(plot, scene.palette)
            drawMarkers(plot, scene.marks, (time) => valueAt(scene.view.times, scene.view[this.#column], time), scene.palette)
          },
        ],
        setCursor: [(plot) => this.#read(plot.cursor.idx)],
      },
    }
  }
}

/** First and last time to show: the data so far on a span that grows in steps, the whole day in the end. */
function axisRange(times: Float64Array, totalTicks: number | null, hasEnded: boolean): { min: number; max: number } {
  const min = times[0] ?? 0
  const last = times.at(-1) ?? min
  if (hasEnded) return { min, max: Math.max(last, min + 1) }
  const elapsed = (last - min) * 1.03
  const stepped = AXIS_SPANS.find((span) => span >= elapsed) ?? elapsed
  const whole = totalTicks === null ? Number.POSITIVE_INFINITY : Math.max(last - min, totalTicks - 1)
  return { min, max: min + Math.max(1, Math.min(stepped, whole)) }
}

function paddedRange(low: number | null, high: number | null, includesZero: boolean): uPlot.Range.MinMax {
  if (low === null || high === null) return [0, 1]
  const from = includesZero ? Math.min(0, low) : low
  const to = includesZero ? Math.max(0, high) : high
  // Markers and their labels stand off the line; a flat line still gets a band to lie in.
  const padding = Math.max((to - from) * 0.14, includesZero ? 10 : to * 0.0001)
  return [from - padding, to + padding]
}

function axisNumber(value: number, splits: readonly number[]): string {
  const text = formatPrice(value)
  return splits.every(Number.isInteger) ? text.slice(0, -3) : text
}

/** uPlot's own width clips numbers of five digits. */
function widestAxis(scene: Scene, values: readonly string[]): number {
  scene.axisWidth = Math.max(scene.axisWidth, 20 + 6.4 * Math.max(0, ...values.map((value) => value.length)))
  return scene.axisWidth
}

/** uPlot finds round times by a date's local fields; this date has exchange time in them, whatever the browser's zone. */
function utcFieldsAsLocal(date: Date): Date {
  return new Date(
    date.getUTCFullYear(),
    date.getUTCMonth(),
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds(),
  )
}

function drawZeroLine(plot: uPlot, palette: Palette): void {
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

/** Profit colour above zero, loss colour below. */
function splitAtZero(plot: uPlot, palette: Palette, alpha: number): CanvasGradient | string {
  const { top, height } = plot.bbox
  const zero = (plot.valToPos(0, 'y', true) - top) / height
  if (!Number.isFinite(zero)) return withAlpha(palette.muted, alpha)
  const stop = Math.min(1, Math.max(0, zero))
  const gradient = plot.ctx.createLinearGradient(0, top, 0, top + height)
  gradient.addColorStop(0, withAlpha(palette.profit, alpha))
  gradient.addColorStop(stop, withAlpha(palette.profit, alpha))
  gradient.addColorStop(stop, withAlpha(palette.loss, alpha))
  gradient.addColorStop(1, withAlpha(palette.loss, alpha))
  return gradient
}

function verticalFade(plot: uPlot, colour: string): CanvasGradient {
  const { top, height } = plot.bbox
  const gradient = plot.ctx.createLinearGradient(0, top, 0, top + height)
  gradient.addColorStop(0, withAlpha(colour, 0.14))
  gradient.addColorStop(1, withAlpha(colour, 0))
  return gradient
}
