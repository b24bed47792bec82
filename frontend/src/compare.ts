/**
 * Sessions beside each other: their P&L on one clock and what lies between them, one cursor over both.
 *
 * Each session has a letter, a colour and a pattern of dashes, so that the lines are told apart without colour. Trades
 * are drawn by the module that draws them on a session's own page.
 */

import uPlot from 'uplot'
import type { Trade } from 'backtest-stream'
import { byId, setData, setText } from './dom.ts'
import { formatTime } from './exchange_time.ts'
import { readJson, sentenceOf, stateAfter } from './live/answers.ts'
import { valueAt } from './live/tick_series.ts'
import { tradeMarks, type TradeMarks } from './live/trade_markers.ts'
import { formatSignedMoney } from './numbers.ts'
import { axisNumber, axisStyle, axisTimes, axisWidth, exchangeDate } from './panels/chart_axes.ts'
import { drawZeroLine } from './panels/chart_drawing.ts'
import { tellModel } from './panels/chart_model.ts'
import { onThemeChange, readPalette } from './panels/palette.ts'
import { drawMarkers } from './panels/trade_drawing.ts'

type Column = readonly (number | string | null)[]

interface Compared {
  readonly sessions: readonly { readonly letter: string; readonly session_id: string }[]
  readonly equity: { readonly time: readonly number[]; readonly values: readonly Column[]; readonly difference: readonly (Column | null)[] }
  readonly trades: { readonly rows: readonly { readonly trades: readonly (Trade | null)[] }[] }
}

const DASHES: readonly (readonly number[])[] = [[], [7, 4], [2, 3], [10, 3, 2, 3]]
const COLOURS = ['price', 'open', 'mark', 'profit'] as const

/** What the charts have in common. */
interface Clock {
  /** Width of the value axes, the same on both, so that one time stands at one place. */
  axisWidth: number
  /** Put the cursor of both at a place of the clock. */
  readonly point: (index: number) => void
}

class ComparedChart {
  readonly #plot: uPlot
  readonly #readout: Element | null
  readonly #letters: readonly string[]

  constructor(figure: HTMLElement, letters: readonly string[], data: uPlot.AlignedData, marks: readonly TradeMarks[], clock: Clock) {
    const holder = figure.querySelector<HTMLElement>('.chart-canvas')
    if (holder === null) throw new Error(`The figure ${figure.id} has no place for a chart.`)
    this.#letters = letters
    this.#readout = figure.querySelector('.chart-readout')
    let palette = readPalette()
    const lines = letters.map((letter) => 'ABCD'.indexOf(letter))
    this.#plot = new uPlot(
      {
        width: Math.max(1, holder.clientWidth),
        height: Math.max(1, holder.clientHeight),
        padding: [14, 26, 0, 0],
        legend: { show: false },
        tzDate: exchangeDate,
        cursor: { sync: { key: 'compare', scales: ['x', null] }, y: false, drag: { x: true, y: false } },
        scales: { x: { time: true }, y: { range: (_plot, low, high) => padded(low, high) } },
        series: [
          {},
          ...lines.map((line) => ({
            width: 1.6,
            points: { show: false },
            dash: [...(DASHES[line] ?? [])],
            stroke: () => palette[COLOURS[line] ?? 'price'],
          })),
        ],
        axes: [
          { ...axisStyle(() => palette), size: 26, gap: 5, space: 64, values: (_plot, splits) => axisTimes(splits) },
          {
            ...axisStyle(() => palette),
            size: (_plot, values) => (clock.axisWidth = Math.max(clock.axisWidth, axisWidth(values ?? []))),
            gap: 8,
            space: 26,
            values: (_plot, splits) => splits.map((value) => axisNumber(value, splits)),
          },
        ],
        hooks: {
          draw: [
            (plot) => {
              drawZeroLine(plot, palette)
              const times = Float64Array.from(plot.data[0])
              marks.forEach((of, place) => {
                const values = Float64Array.from((plot.data[place + 1] ?? []) as number[])
                drawMarkers(plot, of, (marker) => valueAt(times, values, marker.time), palette)
              })
            },
          ],
          setCursor: [(plot) => this.#read(plot)],
        },
      },
      data,
      holder,
    )
    this.#read(this.#plot)
    tellModel(figure, () => marks)
    new ResizeObserver(() => this.#plot.setSize({ width: holder.clientWidth, height: holder.clientHeight })).observe(holder)
    onThemeChange(() => {
      palette = readPalette()
      this.#plot.redraw(false)
    })
    holder.addEventListener('keydown', (event) => this.#press(event, clock.point))
    holder.setAttribute('aria-label', `${figure.querySelector('.chart-title')?.textContent ?? ''}: ${this.#words(this.#plot, null)}`)
  }

  /** Put the cursor at a place of the clock. */
  point(index: number): void {
    const left = this.#plot.valToPos(this.#plot.data[0][index] ?? 0, 'x')
    this.#plot.setCursor({ left, top: this.#plot.over.clientHeight / 2 })
  }

  /** Lay the axes out anew: the other chart may have needed more room. */
  align(): void {
    this.#plot.redraw(false, true)
  }

  #press(event: KeyboardEvent, onIndex: (index: number) => void): void {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
    if (by === undefined) return
    event.preventDefault()
    const last = this.#plot.data[0].length - 1
    onIndex(Math.min(last, Math.max(0, (this.#plot.cursor.idx ?? last) + by * (event.shiftKey ? 60 : 1))))
  }

  #read(plot: uPlot): void {
    setText(this.#readout, this.#words(plot, plot.cursor.idx ?? null))
  }

  #words(plot: uPlot, index: number | null): string {
    const at = index ?? plot.data[0].length - 1
    const values = this.#letters.map((letter, place) => {
      const value = plot.data[place + 1]?.[at]
      return `${letter} ${value == null ? '—' : formatSignedMoney(value.toFixed(2))}`
    })
    return `${formatTime(plot.data[0][at] ?? Number.NaN)}  ${values.join('   ')}`
  }
}

function padded(low: number | null, high: number | null): uPlot.Range.MinMax {
  const [from, to] = [Math.min(0, low ?? 0), Math.max(0, high ?? 0)]
  const padding = Math.max(10, (to - from) * 0.16)
  return [from - padding, to + padding]
}

function numbers(column: Column): (number | null)[] {
  return column.map((value) => (value === null ? null : Number(value)))
}

async function show(root: HTMLElement): Promise<void> {
  const figures = ['compare-equity', 'compare-difference'].map((id) => byId(id))
  for (const figure of figures) setData(figure, 'face', 'loading')
  try {
    const { sessions, equity, trades } = await readJson<Compared>(root.dataset['compareUrl'] ?? '')
    const letters = sessions.map(({ letter }) => letter)
    const [lines, difference] = figures
    const marks = letters.map((_letter, place) => {
      const own = trades.rows.map((row) => row.trades[place]).filter((trade) => trade != null)
      return tradeMarks(own.sort((one, other) => one.exit_time.localeCompare(other.exit_time)), [])
    })
    const times = [...equity.time]
    const charts: ComparedChart[] = []
    const clock: Clock = { axisWidth: 0, point: (index) => charts.forEach((chart) => chart.point(index)) }
    if (lines != null) charts.push(new ComparedChart(lines, letters, [times, ...equity.values.map(numbers)], marks, clock))
    // The first is what the others are measured by.
    const others = equity.difference.slice(1).map((column) => numbers(column ?? []))
    if (difference != null) charts.push(new ComparedChart(difference, letters.slice(1), [times, ...others], [], clock))
    for (const chart of charts) chart.align()
    for (const figure of figures) setData(figure, 'face', 'live')
  } catch (error) {
    for (const figure of figures) {
      setData(figure, 'face', stateAfter(error) === 'refused' ? 'forbidden' : 'error')
      setText(figure?.querySelector('.chart-readout'), `It cannot be drawn: ${sentenceOf(error)}`)
    }
  }
}

const root = byId('compare')
if (root !== null) void show(root)
