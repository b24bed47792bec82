/**
 * Price, the legs, P&L and drawdown over the day: one clock, one cursor, the same trades on all of them.
 *
 * While a day goes by they are drawn one a frame, each round of them at one moment: all together are the dearest thing on
 * the page. Whoever asks for a moment gets them all at once.
 */

import { byId, setData, setHidden } from '../dom.ts'
import { Candles } from '../live/candles.ts'
import { Drawdown } from '../live/drawdown.ts'
import type { Panel } from '../live/frame_loop.ts'
import { marksOnPrice } from '../live/trade_markers.ts'
import { formatPrice, formatSignedMoney } from '../numbers.ts'
import type { SessionView } from '../session_view.ts'
import { Legs, type LegPrices } from './legs.ts'
import { onThemeChange, readPalette } from './palette.ts'
import { TimeChart, type ChartEvents, type Scene, type Span } from './time_chart.ts'
import type { Timeframe } from '../links.ts'

/** Spans that the time axis grows through, seconds, so that it does not move with every tick. */
const AXIS_SPANS = [900, 1_800, 3_600, 7_200, 10_800, 14_400, 18_000]
/** A description that changes thirty times a second serves nobody. */
const DESCRIBE_MS = 2_000
/** The shortest span that zooming in leads to, seconds. */
const CLOSEST = 60
const CANDLE_SECONDS: { readonly [Frame in Exclude<Timeframe, 'tick'>]: number } = { '5s': 5, '1m': 60 }

export interface ChartsSources {
  readonly view: SessionView
  readonly underlying: string
  /** Ticks that the session will have; null while it is not known. */
  readonly totalTicks: () => number | null
  readonly fetchPrices: LegPrices
  /** The selected range in ticks; null for none. */
  readonly range: () => readonly [number, number] | null
  readonly onPick: (tick: number) => void
  readonly onRange: (range: readonly [number, number] | null) => void
  readonly onHover: (time: number | null) => void
}

const money = (value: number): string => formatSignedMoney(value.toFixed(2))

export class ChartsPanel implements Panel {
  /** Milliseconds between two drawings; the frame loop doubles it where the page cannot keep up. */
  readonly interval = 33
  readonly canYield = true
  timeframe: Timeframe = 'tick'
  readonly #sources: ChartsSources
  readonly #scene: Scene
  readonly #price: TimeChart
  readonly #pnl: TimeChart
  readonly #drawdown: TimeChart
  readonly #legs: Legs
  readonly #candles = { '5s': new Candles(CANDLE_SECONDS['5s']), '1m': new Candles(CANDLE_SECONDS['1m']) }
  readonly #drawdowns = new Drawdown()
  /** Drawings that are left of the present round. */
  #round: (() => void)[] = []
  #zoom: Span | null = null
  #describedAt = Number.NEGATIVE_INFINITY

  constructor(sources: ChartsSources) {
    this.#sources = sources
    const span = { min: 0, max: 1 }
    this.#scene = { palette: readPalette(), span, playhead: Number.NaN, range: null, axisWidth: 0 }
    const { series } = sources.view.store
    const events: ChartEvents = {
      onPick: (time) => sources.onPick(series.tickAt(time)),
      onRange: ({ min, max }) => sources.onRange([Math.max(1, series.tickAt(min)), Math.max(1, series.tickAt(max))]),
      onHover: sources.onHover,
    }
    this.#price = new TimeChart(figure('price-chart'), 'price', this.#scene, formatPrice, events)
    this.#pnl = new TimeChart(figure('pnl-chart'), 'pnl', this.#scene, money, events)
    this.#drawdown = new TimeChart(figure('drawdown-chart'), 'drawdown', this.#scene, money, events)
    this.#legs = new Legs(sources.view, sources.fetchPrices, this.#scene, events)
    this.#wireZoom()
    onThemeChange(() => {
      this.#scene.palette = readPalette()
      for (const chart of this.charts) chart.redraw()
    })
  }

  /** All charts in sight, from top to bottom. */
  get charts(): readonly TimeChart[] {
    return [this.#price, ...this.#legs.charts, this.#pnl, this.#drawdown]
  }

  draw(now: number, isWhole: boolean): boolean {
    const { view } = this.#sources
    if (view.store.series.length === 0) return false
    const isInTurns = !isWhole && view.isFollowing && view.store.completion === null
    if (this.#round.length === 0 || !isInTurns) this.#beginRound(now)
    for (let drawing = this.#round.shift(); drawing !== undefined; drawing = this.#round.shift()) {
      drawing()
      if (isInTurns) break
    }
    return this.#round.length > 0
  }

  /** Settle what all charts of a round show; its drawings wait. */
  #beginRound(now: number): void {
    const { view, totalTicks, range } = this.#sources
    const { series, completion } = view.store
    setData(byId('charts'), 'empty', 'no')
    const { times, prices, pnls } = series.view()
    const scene = this.#scene
    scene.span = this.#zoom ?? wholeSpan(times, totalTicks(), completion !== null)
    scene.playhead = view.isFollowing ? Number.NaN : view.time
    const ticks = range()
    scene.range = ticks === null ? null : { min: series.timeOf(ticks[0]), max: series.timeOf(ticks[1]) }
    const { marks } = view
    const candles = this.timeframe === 'tick' ? null : this.#candles[this.timeframe].of(times, prices)
    const drawdowns = this.#drawdowns.of(times, pnls)
    const onPrice = marksOnPrice(marks, this.#sources.underlying)
    this.#round = [
      () => this.#price.draw({ times, values: prices, candles, marks: onPrice }),
      ...this.#legs.drawings(marks),
      () => this.#pnl.draw({ times, values: pnls, candles: null, marks }),
      () => this.#drawdown.draw({ times, values: drawdowns, candles: null, marks }),
    ]
    if (now - this.#describedAt < DESCRIBE_MS && completion === null) return
    this.#describedAt = now
    this.#round.push(() => this.#describe())
  }

  /** Put the cursor of all charts at a time; NaN takes it away. */
  point(time: number): void {
    for (const chart of this.charts) chart.point(time)
  }

  zoomTo(span: Span | null): void {
    this.#zoom = span
    setHidden(byId('zoom-whole'), span === null)
    setData(byId('charts'), 'zoomed', span === null ? 'no' : 'yes')
    this.#describedAt = Number.NEGATIVE_INFINITY
  }

  #describe(): void {
    this.#price.describe(this.#sources.underlying)
    this.#legs.describe()
    this.#pnl.describe('Total P&L')
    this.#drawdown.describe('Drawdown')
  }

  #wireZoom(): void {
    byId('zoom-in')?.addEventListener('click', () => this.#zoomBy(0.5))
    byId('zoom-out')?.addEventListener('click', () => this.#zoomBy(2))
    byId('zoom-earlier')?.addEventListener('click', () => this.#panBy(-0.5))
    byId('zoom-later')?.addEventListener('click', () => this.#panBy(0.5))
    byId('zoom-whole')?.addEventListener('click', () => this.#show(null))
  }

  /** Around the playhead where it is in sight, else around the middle. */
  #zoomBy(factor: number): void {
    const { span, playhead } = this.#scene
    const width = Math.max(CLOSEST, (span.max - span.min) * factor)
    const centre = playhead >= span.min && playhead <= span.max ? playhead : (span.min + span.max) / 2
    this.#show(this.#within({ min: centre - width / 2, max: centre + width / 2 }))
  }

  #panBy(share: number): void {
    const { span } = this.#scene
    const by = (span.max - span.min) * share
    this.#show(this.#within({ min: span.min + by, max: span.max + by }))
  }

  #within({ min, max }: Span): Span | null {
    const { times } = this.#sources.view.store.series.view()
    const whole = wholeSpan(times, this.#sources.totalTicks(), this.#sources.view.store.completion !== null)
    const width = max - min
    if (width >= whole.max - whole.min) return null
    const from = Math.min(Math.max(min, whole.min), whole.max - width)
    return { min: from, max: from + width }
  }

  #show(span: Span | null): void {
    this.zoomTo(span)
    this.draw(performance.now(), true)
  }
}

function figure(id: string): HTMLElement {
  const node = byId(id)
  if (node === null) throw new Error(`The page has no chart ${id}.`)
  return node
}

/** First and last time to show: the data so far on a span that grows in steps, the whole day in the end. */
function wholeSpan(times: Float64Array, totalTicks: number | null, hasEnded: boolean): Span {
  const min = times[0] ?? 0
  const last = times.at(-1) ?? min
  if (hasEnded) return { min, max: Math.max(last, min + 1) }
  const elapsed = (last - min) * 1.03
  const stepped = AXIS_SPANS.find((span) => span >= elapsed) ?? elapsed
  const whole = totalTicks === null ? Number.POSITIVE_INFINITY : Math.max(last - min, totalTicks - 1)
  return { min, max: min + Math.max(1, Math.min(stepped, whole)) }
}
