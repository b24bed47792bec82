/**
 * One canvas on the page's one clock: a line, candles, P&L or drawdown, with the trades, the playhead and the range.
 *
 * All charts of a page share a `Scene`, which is replaced as a whole before each drawing, and one cursor.
 */

import uPlot from 'uplot'
import { setText } from '../dom.ts'
import { formatTime } from '../exchange_time.ts'
import type { CandleColumns } from '../live/candles.ts'
import { valueAt } from '../live/tick_series.ts'
import { NOTHING_TRADED, type TradeMarker, type TradeMarks } from '../live/trade_markers.ts'
import { axisNumber, axisStyle, axisTimes, axisWidth, exchangeDate } from './chart_axes.ts'
import { drawCandles, drawFuture, drawRange, drawZeroLine, quietSpells, splitAtZero, verticalFade } from './chart_drawing.ts'
import { tellModel } from './chart_model.ts'
import { drawLevels, drawLevelTags, levelWords, widened } from './level_drawing.ts'
import type { Palette } from './palette.ts'
import { drawMarkers, drawSpans } from './trade_drawing.ts'

export interface Span {
  readonly min: number
  readonly max: number
}

/** What all charts of a page have in common. Times are Unix seconds. */
export interface Scene {
  palette: Palette
  /** First and last time in sight. */
  span: Span
  /** The moment that is shown; NaN while the newest is followed. */
  playhead: number
  /** The selected range; null for none. */
  range: Span | null
  /** Width of the value axes, the same on all charts, so that one time stands at one place. */
  axisWidth: number
}

export interface ChartData {
  readonly times: Float64Array
  readonly values: Float64Array
  readonly candles: CandleColumns | null
  readonly marks: TradeMarks
}

export type ChartKind = 'price' | 'leg' | 'pnl' | 'drawdown'

export interface ChartEvents {
  /** The reader pointed at a moment. */
  readonly onPick: (time: number) => void
  readonly onRange: (span: Span) => void
  /** The pointer moves over a moment; null when it has left. */
  readonly onHover: (time: number | null) => void
}

const SYNC_KEY = 'session'
/** A drag shorter than this is a click, CSS pixels. */
const CLICK = 5
const MINUTE = 60
const NOTHING = new Float64Array(0)

export class TimeChart {
  readonly #scene: Scene
  readonly #kind: ChartKind
  readonly #format: (value: number) => string
  readonly #holder: HTMLElement
  readonly #readout: Element | null
  readonly #summary: Element | null
  readonly #events: ChartEvents
  readonly #plot: uPlot
  #data: ChartData = { times: NOTHING, values: NOTHING, candles: null, marks: NOTHING_TRADED }

  constructor(figure: HTMLElement, kind: ChartKind, scene: Scene, format: (value: number) => string, events: ChartEvents) {
    const holder = figure.querySelector<HTMLElement>('.chart-canvas')
    if (holder === null) throw new Error(`The figure ${figure.id} has no place for a chart.`)
    this.#holder = holder
    this.#kind = kind
    this.#scene = scene
    this.#format = format
    this.#events = events
    this.#readout = figure.querySelector('.chart-readout')
    this.#summary = figure.querySelector('.chart-summary')
    this.#plot = new uPlot(this.#options(), [[], []], holder)
    this.#wirePointer()
    tellModel(figure, () => this.#data.marks)
    new ResizeObserver(() => this.#resize()).observe(holder)
  }

  get canvas(): HTMLCanvasElement {
    return this.#plot.ctx.canvas
  }

  draw(data: ChartData): void {
    this.#data = data
    const shown = data.candles === null ? [data.times, data.values] : [data.candles.times, data.candles.closes]
    this.#plot.batch(() => {
      this.#plot.setData(shown as uPlot.AlignedData, false)
      this.#plot.setScale('x', this.#scene.span)
    })
    if (this.#plot.cursor.idx == null) this.#read(null)
  }

  redraw(): void {
    this.#plot.redraw(false)
  }

  /** Put the cursor at a time; NaN takes it away. */
  point(time: number): void {
    if (Number.isNaN(time)) this.#plot.setCursor({ left: -10, top: -10 })
    else this.#plot.setCursor({ left: this.#plot.valToPos(time, 'x'), top: this.#plot.over.clientHeight / 2 })
    this.#read(Number.isNaN(time) ? null : time)
  }

  /** Say in one sentence what the picture shows. */
  describe(name: string): void {
    const { times, values } = this.#data
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    for (const value of values) {
      if (value < low) low = value
      if (value > high) high = value
    }
    const [first, last] = [values[0] ?? Number.NaN, values.at(-1) ?? Number.NaN]
    const trend = last > first ? 'higher than' : last < first ? 'lower than' : 'as'
    const between = `${formatTime(times[0] ?? Number.NaN)} to ${formatTime(times.at(-1) ?? Number.NaN)} IST`
    const sentence = `low ${this.#format(low)}, high ${this.#format(high)}, last ${this.#format(last)}, ${trend} at its beginning`
    const levels = this.#hasLevels ? levelWords(this.#data.marks, this.#moment()) : ''
    const guarded = levels === '' ? '' : ` Open position: ${levels}.`
    this.#holder.setAttribute('aria-label', `${name}, ${between}: ${sentence}.${guarded} Arrow keys move through time.`)
    setText(this.#summary, `low ${this.#format(low)} · high ${this.#format(high)}`)
  }

  #read(time: number | null): void {
    const { times, values } = this.#data
    const at = time ?? (Number.isNaN(this.#scene.playhead) ? (times.at(-1) ?? Number.NaN) : this.#scene.playhead)
    const value = valueAt(times, values, at)
    setText(this.#readout, Number.isFinite(value) ? `${formatTime(at)}  ${this.#format(value)}` : '')
    this.#holder.dataset['t'] = formatTime(at)
  }

  #resize(): void {
    const { clientWidth: width, clientHeight: height } = this.#holder
    if (width > 0 && height > 0 && (width !== this.#plot.width || height !== this.#plot.height)) {
      this.#plot.setSize({ width, height })
    }
  }

  #wirePointer(): void {
    const { over } = this.#plot
    let from = 0
    over.addEventListener('pointerdown', (event) => (from = event.clientX))
    over.addEventListener('click', (event) => {
      if (Math.abs(event.clientX - from) >= CLICK) return
      this.#events.onPick(this.#plot.posToVal(event.clientX - over.getBoundingClientRect().left, 'x'))
    })
    over.addEventListener('pointerleave', () => this.#events.onHover(null))
  }

  #takeSelection(plot: uPlot): void {
    const { left, width } = plot.select
    if (width < CLICK) return
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
    this.#events.onRange({ min: plot.posToVal(left, 'x'), max: plot.posToVal(left + width, 'x') })
  }

  #takeCursor(plot: uPlot): void {
    const { left } = plot.cursor
    if (left == null || left < 0) {
      this.#read(null)
      return
    }
    const time = Math.round(plot.posToVal(left, 'x'))
    this.#read(time)
    if (plot.over.matches(':hover')) this.#events.onHover(time)
  }

  #options(): uPlot.Options {
    const scene = this.#scene
    const kind = this.#kind
    const isMoney = kind === 'pnl' || kind === 'drawdown'
    // One clock: its times stand below the first chart and the last, the others have its grid.
    const hasTimes = kind === 'price' || kind === 'drawdown'
    const axis = axisStyle(() => scene.palette)
    return {
      width: Math.max(1, this.#holder.clientWidth),
      height: Math.max(1, this.#holder.clientHeight),
      padding: [kind === 'drawdown' ? 6 : 16, 26, 0, 0],
      legend: { show: false },
      tzDate: exchangeDate,
      cursor: {
        sync: { key: SYNC_KEY, scales: ['x', null] },
        y: false,
        drag: { x: true, y: false, setScale: false },
        points: { size: 7, fill: () => this.#lineColour(), stroke: () => scene.palette.surface },
      },
      scales: { x: { time: true, auto: false }, y: { range: (_plot, low, high) => this.#valueRange(low, high) } },
      series: [
        {},
        {
          width: 1.4,
          points: { show: false },
          stroke: (plot) => (isMoney && this.#data.candles === null ? splitAtZero(plot, scene.palette, 1) : this.#lineColour()),
          fill: (plot) => this.#filling(plot),
          ...(isMoney ? { fillTo: 0 } : {}),
          ...(kind === 'leg' ? { gaps: quietSpells } : {}),
        },
      ],
      axes: [
        {
          ...axis,
          size: hasTimes ? 26 : 6,
          gap: 5,
          space: 64,
          values: (_plot, splits) => (hasTimes ? axisTimes(splits) : splits.map(() => '')),
        },
        {
          ...axis,
          size: (_plot, values) => (scene.axisWidth = Math.max(scene.axisWidth, axisWidth(values ?? []))),
          gap: 8,
          space: kind === 'drawdown' ? 20 : 26,
          // An empty chart has no scale to speak of, and the numbers of none would hang over its edge.
          values: (_plot, splits) => splits.map((value) => (this.#data.times.length === 0 ? '' : axisNumber(value, splits))),
        },
      ],
      hooks: {
        drawAxes: [(plot) => drawSpans(plot, this.#data.marks, this.#lastTime(), scene.palette)],
        draw: [(plot) => this.#drawOver(plot)],
        setCursor: [(plot) => this.#takeCursor(plot)],
        setSelect: [(plot) => this.#takeSelection(plot)],
      },
    }
  }

  #drawOver(plot: uPlot): void {
    const { palette, playhead, range } = this.#scene
    const { candles, marks, times, values } = this.#data
    if (candles !== null) drawCandles(plot, candles, palette)
    if (this.#kind === 'pnl' || this.#kind === 'drawdown') drawZeroLine(plot, palette)
    if (this.#hasLevels) drawLevels(plot, marks, this.#lastTime(), palette)
    if (this.#kind !== 'drawdown') {
      const height = (marker: TradeMarker): number =>
        this.#kind === 'leg' ? marker.price : valueAt(times, values, marker.time)
      drawMarkers(plot, marks, height, palette)
    }
    if (range !== null) drawRange(plot, range, palette)
    if (!Number.isNaN(playhead)) drawFuture(plot, playhead, palette)
    if (this.#hasLevels) drawLevelTags(plot, marks, this.#moment(), palette)
  }

  /** Prices of what is traded stand on this chart. */
  get #hasLevels(): boolean {
    return this.#kind === 'leg' || this.#kind === 'price'
  }

  /** The moment that is shown. */
  #moment(): number {
    const { playhead } = this.#scene
    return Number.isNaN(playhead) ? this.#lastTime() : playhead
  }

  #lastTime(): number {
    return this.#data.times.at(-1) ?? 0
  }

  #lineColour(): string {
    const { palette } = this.#scene
    if (this.#data.candles !== null) return 'transparent'
    if (this.#kind === 'drawdown') return palette.loss
    return this.#kind === 'pnl' ? palette.text : palette.price
  }

  #filling(plot: uPlot): CanvasGradient | string {
    const { palette } = this.#scene
    if (this.#data.candles !== null) return 'transparent'
    if (this.#kind === 'pnl') return splitAtZero(plot, palette, 0.13)
    return this.#kind === 'drawdown' ? verticalFade(plot, palette.loss, 0.22, 0.22) : verticalFade(plot, palette.price, 0.14, 0)
  }

  #valueRange(low: number | null, high: number | null): uPlot.Range.MinMax {
    if (low === null || high === null || !Number.isFinite(low)) return [0, 1]
    const { candles } = this.#data
    if (candles !== null) [low, high] = extremes(candles, this.#scene.span)
    if (this.#kind === 'drawdown') return [Math.min(low * 1.12, -10), 0]
    const { span } = this.#scene
    if (this.#hasLevels) [low, high] = widened(low, high, this.#data.marks, span.min, span.max)
    const isPnl = this.#kind === 'pnl'
    const from = isPnl ? Math.min(0, low) : low
    const to = isPnl ? Math.max(0, high) : high
    // Markers and their labels stand off the line; a flat line still gets a band to lie in.
    const share = this.#kind === 'price' ? 0.12 : 0.3
    const padding = Math.max((to - from) * share, isPnl ? 10 : to * 0.0001)
    return [from - padding, to + padding]
  }
}

function extremes({ times, lows, highs }: CandleColumns, { min, max }: Span): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (let index = 0; index < times.length; index += 1) {
    const time = times[index] ?? 0
    if (time < min - MINUTE || time > max) continue
    low = Math.min(low, lows[index] ?? low)
    high = Math.max(high, highs[index] ?? high)
  }
  return low > high ? [0, 1] : [low, high]
}
