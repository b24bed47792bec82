/**
 * The day as a media player: play, step, speed, and a bar with the P&L, the trades and the node events on it.
 */

import { byId, setData, setHidden, setText } from '../dom.ts'
import { formatTime } from '../exchange_time.ts'
import type { Panel } from '../live/frame_loop.ts'
import { formatCount, formatSignedMoney } from '../numbers.ts'
import { SPEEDS, type Speed } from '../replay/playhead.ts'
import type { SessionView } from '../session_view.ts'
import { onThemeChange, readPalette, withAlpha, type Palette } from './palette.ts'

export interface TransportEvents {
  readonly onSeek: (tick: number) => void
  readonly onCommand: (command: string) => void
  readonly onSpeed: (speed: Speed) => void
}

/** How often the picture under the bar is painted anew while the day grows. */
const PICTURE_MS = 1_000

export class TransportPanel implements Panel {
  readonly interval = 66
  readonly #view: SessionView
  readonly #totalTicks: () => number | null
  readonly #root = byId('transport')
  readonly #bar = byId<HTMLInputElement>('scrub')
  readonly #canvas = byId<HTMLCanvasElement>('scrub-picture')
  readonly #speeds = [...document.querySelectorAll<HTMLButtonElement>('button[data-speed]')]
  #palette: Palette = readPalette()
  #picture = ''
  #paintedAt = Number.NEGATIVE_INFINITY
  #isDragging = false

  constructor(view: SessionView, totalTicks: () => number | null, events: TransportEvents) {
    this.#view = view
    this.#totalTicks = totalTicks
    setHidden(this.#root, false)
    this.#bar?.addEventListener('input', () => events.onSeek(Number(this.#bar?.value)))
    this.#bar?.addEventListener('pointerdown', () => (this.#isDragging = true))
    addEventListener('pointerup', () => (this.#isDragging = false))
    this.#root?.addEventListener('click', (event) => {
      const button = (event.target as Element).closest<HTMLButtonElement>('button')
      if (button?.dataset['command'] !== undefined) events.onCommand(button.dataset['command'])
      const speed = SPEEDS.find((known) => String(known) === button?.dataset['speed'])
      if (speed !== undefined) events.onSpeed(this.#isOnlySpeed(button) ? speedAfter(speed) : speed)
    })
    onThemeChange(() => {
      this.#palette = readPalette()
      this.#picture = ''
    })
    if (this.#canvas !== null) new ResizeObserver(() => (this.#picture = '')).observe(this.#canvas)
  }

  draw(now: number): void {
    const { tick, head, isFollowing, store, time } = this.#view
    if (this.#root === null || this.#bar === null || store.newestTick === 0) return
    const last = Math.max(this.#totalTicks() ?? 0, store.newestTick)
    if (this.#bar.max !== String(last)) this.#bar.max = String(last)
    if (!this.#isDragging && this.#bar.value !== String(tick)) this.#bar.value = String(tick)
    this.#bar.setAttribute('aria-valuetext', `${formatTime(time)} IST, tick ${formatCount(tick)} of ${formatCount(last)}`)
    setText(byId('scrub-time'), formatTime(time))
    setText(byId('scrub-tick'), `tick ${formatCount(tick)}`)
    const hasEnded = store.completion !== null
    const mode = head.isPlaying ? 'playing' : isFollowing && !hasEnded ? 'following' : 'still'
    setData(this.#root, 'mode', mode)
    setData(this.#root, 't', formatTime(time))
    const play = byId('play')
    const label = mode === 'still' ? 'Play' : mode === 'playing' ? 'Pause' : 'Hold this moment'
    if (play?.getAttribute('aria-label') !== label) play?.setAttribute('aria-label', label)
    const live = byId('go-live')
    setText(live?.querySelector('span:last-child'), hasEnded ? 'End' : 'Live')
    live?.setAttribute('aria-pressed', String(isFollowing))
    for (const button of this.#speeds) button.setAttribute('aria-pressed', String(button.dataset['speed'] === String(head.speed)))
    if (hasEnded || now - this.#paintedAt > PICTURE_MS) this.#paint(now, last)
    setData(byId('session'), 'exact', this.#view.isExact ? 'yes' : 'no')
    setData(byId('session'), 'following', isFollowing ? 'yes' : 'no')
  }

  /** On a narrow screen the chosen speed is the only button: pressing it chooses the next. */
  #isOnlySpeed(button: HTMLButtonElement | null): boolean {
    return this.#speeds.every((other) => other === button || other.offsetParent === null)
  }

  /** What a reader who listens is told when the playhead was moved. */
  words(): string {
    const { time, store, tick } = this.#view
    const { pnls } = store.series.view()
    const pnl = pnls[tick - store.series.first]
    return `${formatTime(time)}, P&L ${pnl === undefined ? 'not known' : formatSignedMoney(pnl.toFixed(2))}`
  }

  #paint(now: number, last: number): void {
    const canvas = this.#canvas
    const context = canvas?.getContext('2d')
    const { series, state } = this.#view.store
    const key = `${series.first} ${series.last} ${last} ${state.trades.trades.length}`
    if (canvas === null || context == null || key === this.#picture) return
    this.#picture = key
    this.#paintedAt = now
    const width = (canvas.width = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio)))
    const height = (canvas.height = Math.max(1, Math.round(canvas.clientHeight * devicePixelRatio)))
    const x = (tick: number): number => ((tick - 1) / Math.max(1, last - 1)) * width
    this.#paintSpans(context, x, height)
    this.#paintPnl(context, x, height)
    this.#paintEvents(context, x, height)
  }

  #paintSpans(context: CanvasRenderingContext2D, x: (tick: number) => number, height: number): void {
    const { series } = this.#view.store
    for (const { start, end, outcome } of this.#view.marks.spans) {
      const [from, to] = [x(series.tickAt(start)), x(end === null ? series.last : series.tickAt(end))]
      context.fillStyle = withAlpha(this.#colour(outcome), 0.22)
      context.fillRect(from, 0, Math.max(1.5, to - from), height)
    }
  }

  #paintPnl(context: CanvasRenderingContext2D, x: (tick: number) => number, height: number): void {
    const { series } = this.#view.store
    const { pnls } = series.view()
    let [low, high] = [0, 0]
    for (const pnl of pnls) {
      if (pnl < low) low = pnl
      if (pnl > high) high = pnl
    }
    const span = high - low || 1
    const y = (pnl: number): number => 3 + (1 - (pnl - low) / span) * (height - 6)
    const stride = Math.max(1, Math.floor(pnls.length / 1500))
    context.beginPath()
    for (let place = 0; place < pnls.length; place += stride) context.lineTo(x(series.first + place), y(pnls[place] ?? 0))
    context.strokeStyle = withAlpha(this.#palette.text, 0.55)
    context.lineWidth = devicePixelRatio
    context.stroke()
  }

  #paintEvents(context: CanvasRenderingContext2D, x: (tick: number) => number, height: number): void {
    context.fillStyle = withAlpha(this.#palette.mark, 0.75)
    const events = Object.values(this.#view.store.state.diagnostics.events_history)
    for (const { tick } of events) {
      if (tick !== undefined) context.fillRect(x(tick), height - 4 * devicePixelRatio, devicePixelRatio, 4 * devicePixelRatio)
    }
  }

  #colour(outcome: 'profit' | 'loss' | 'flat' | 'open'): string {
    if (outcome === 'profit') return this.#palette.profit
    return outcome === 'loss' ? this.#palette.loss : this.#palette.open
  }
}

function speedAfter(speed: Speed): Speed {
  return SPEEDS[(SPEEDS.indexOf(speed) + 1) % SPEEDS.length] ?? speed
}
