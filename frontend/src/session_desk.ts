/**
 * What the reader does on a session's page: look at a moment, a node, a range; play; filter; press keys. Every such choice
 * stands in the address, so that a link opens the same view and Back goes back.
 */

import { byId, setHidden, setText } from './dom.ts'
import { formatTime } from './exchange_time.ts'
import { NOWHERE, readPlace, TIMEFRAMES, writePlace, type Place, type Tab } from './links.ts'
import type { AnswerState } from './live/answers.ts'
import type { FrameLoop, Panel } from './live/frame_loop.ts'
import { ChartTable } from './panels/chart_table.ts'
import { download, pictureOf } from './panels/chart_picture.ts'
import { ChartsPanel } from './panels/charts.ts'
import { ExplainPanel } from './panels/explain.ts'
import { GraphPanel } from './panels/graph.ts'
import { Inspector } from './panels/inspector.ts'
import type { LegPrices } from './panels/legs.ts'
import { NodesPanel } from './panels/nodes.ts'
import { readPalette } from './panels/palette.ts'
import { NodeEventsPanel, PositionsPanel, TradesPanel } from './panels/tables.ts'
import { Tabs } from './panels/tabs.ts'
import { TransportPanel } from './panels/transport.ts'
import * as playhead from './replay/playhead.ts'
import type { SessionView } from './session_view.ts'
import { areShortcutsOn, belongsTo, commandOf, type Command } from './shortcuts.ts'

const MINUTE_TICKS = 60
/** A moment that is played or dragged through is written into the address once it rests. */
const REST_MS = 400

export interface DeskParts {
  readonly page: HTMLElement
  readonly view: SessionView
  readonly loop: FrameLoop
  /** Ask for a drawing: an answer of the server came. */
  readonly redraw: () => void
  /** Of the session, ends in a slash. */
  readonly apiUrl: string
  readonly underlying: string
  /** What the session is called on pictures. */
  readonly title: string
  readonly totalTicks: () => number | null
  readonly fetchPrices: LegPrices
  readonly whenKnown: (panel: Panel) => void
}

export class SessionDesk {
  readonly #parts: DeskParts
  readonly #charts: ChartsPanel
  readonly #graph: GraphPanel
  readonly #inspector: Inspector
  readonly #explain: ExplainPanel
  readonly #transport: TransportPanel
  readonly #events: NodeEventsPanel
  readonly #tabs: Tabs
  #place: Place
  #playedAt = 0
  #resting: ReturnType<typeof setTimeout> | undefined
  #isRangeShown = false

  constructor(parts: DeskParts) {
    this.#parts = parts
    this.#place = readPlace(location.search)
    const { view, apiUrl, underlying, totalTicks, fetchPrices, page } = parts
    const pick = (tick: number): void => this.seek(tick)
    this.#charts = new ChartsPanel({
      view,
      underlying,
      totalTicks,
      fetchPrices,
      range: () => this.#place.range,
      onPick: pick,
      onRange: (range) => this.#selectRange(range),
      onHover: (time) => this.#hover(time),
    })
    this.#graph = new GraphPanel(view, (node) => this.#selectNode(node))
    const lookAt = (node: string): void => this.#graph.select(node)
    this.#inspector = new Inspector(view, apiUrl, (node) => this.#selectNode(node), lookAt, parts.redraw)
    this.#explain = new ExplainPanel(view, apiUrl, () => this.#inspector.node, (range) => this.#selectRange(range))
    this.#transport = new TransportPanel(view, totalTicks, {
      onSeek: pick,
      onCommand: (command) => this.#do(command as Command),
      onSpeed: (speed) => this.#setHead(playhead.withSpeed(view.head, speed)),
    })
    this.#events = new NodeEventsPanel(view, this.#place, ({ kind, text }) => this.#go({ kind, text }, 'replace'))
    this.#tabs = new Tabs(page, (tab) => this.#go({ tab }, 'push'))
    const tables = [new PositionsPanel(view), new TradesPanel(view), new NodesPanel(view), this.#events]
    const panels: readonly Panel[] = [...tables, this.#graph, this.#inspector, this.#charts, this.#transport, new ChartTable(view, pick)]
    for (const panel of panels) parts.whenKnown(panel)
  }

  start(): void {
    const { page } = this.#parts
    this.#show(this.#place)
    addEventListener('popstate', () => this.#show({ ...NOWHERE, ...readPlace(location.search) }))
    document.addEventListener('keydown', (event) => this.#press(event))
    page.addEventListener('click', (event) => this.#follow(event))
    document.addEventListener('click', letGo)
    document.addEventListener('keydown', closeExports)
    document.addEventListener('click', closeExports)
    for (const button of document.querySelectorAll<HTMLButtonElement>('button[data-timeframe]')) {
      const timeframe = TIMEFRAMES.find((known) => known === button.dataset['timeframe']) ?? 'tick'
      button.addEventListener('click', () => this.#go({ timeframe }, 'push'))
    }
    byId('copy-link')?.addEventListener('click', () => void this.#copyLink())
    byId('export-picture')?.addEventListener('click', () => this.#exportPicture())
    byId('zoom-range')?.addEventListener('click', () => this.#zoomToRange())
    byId('graph-wide')?.addEventListener('click', () => this.#widenGraph())
  }

  /** The day's clock has changed: ticks now have times that they had not before. */
  seriesChanged(): void {
    if (!this.#isRangeShown && this.#place.range !== null) this.#showRange()
  }

  /** How the question for the chosen node's memory stands. */
  get whyAnswer(): AnswerState {
    return this.#inspector.answer
  }

  seek(tick: number): void {
    const { view } = this.#parts
    this.#setHead({ ...playhead.seek(view.head, tick, view.store.newestTick), isPlaying: view.head.isPlaying })
    this.#say()
  }

  #do(command: Command): void {
    const { view } = this.#parts
    const { head, store } = view
    const newest = store.newestTick
    const steps: { readonly [Step in Command]?: number } = { back: -1, on: 1, 'back-minute': -MINUTE_TICKS, 'on-minute': MINUTE_TICKS }
    const by = steps[command]
    if (by !== undefined) this.#setHead(playhead.step(head, by, newest))
    else if (command === 'toggle') this.#setHead(playhead.toggle(head, newest, store.completion !== null))
    else if (command === 'live') this.#setHead(playhead.goLive(head))
    else if (command === 'faster' || command === 'slower') this.#setHead(playhead.changedSpeed(head, command === 'faster' ? 1 : -1))
    else if (command === 'next-trade' || command === 'previous-trade') this.#goToTrade(command === 'next-trade' ? 1 : -1)
    else if (command === 'graph') this.#showGraph()
    else if (command === 'why') this.#focusIn('why', '#why .why-body')
    else if (command === 'trades') this.#focusIn('trades', '#trades .table-scroll')
    else if (command === 'filter') this.#focusIn('events', '#events-text')
    else if (command === 'export') openExports()
    if (by !== undefined || command.endsWith('trade')) this.#say()
  }

  #goToTrade(direction: 1 | -1): void {
    const { view } = this.#parts
    const { series } = view.store
    const ticks = [...new Set(view.marks.markers.map((marker) => series.tickAt(marker.time)))].sort((one, other) => one - other)
    const tick = playhead.neighbour(ticks, view.tick, direction)
    if (tick !== null) this.#setHead({ ...playhead.seek(view.head, tick, view.store.newestTick), isPlaying: false })
  }

  #showGraph(): void {
    this.#go({ tab: 'graph' }, 'replace')
    this.#graph.focus()
  }

  #focusIn(tab: Tab, selector: string): void {
    this.#go({ tab }, 'replace')
    document.querySelector<HTMLElement>(selector)?.focus()
  }

  #setHead(head: playhead.Playhead): void {
    const { view, loop } = this.#parts
    const wasPlaying = view.head.isPlaying
    view.head = head
    if (head.isPlaying && !wasPlaying) this.#play()
    if (!head.isPlaying) this.#writeTick()
    loop.flush()
  }

  /** Let the moment move on, a frame at a time, for as long as it plays. */
  #play(): void {
    this.#playedAt = performance.now()
    const on = (now: number): void => {
      const { view, loop } = this.#parts
      if (!view.head.isPlaying) return
      // While a stretch is fetched the moment waits for it, so that nothing is skipped unseen.
      const passed = view.isExact ? Math.min(250, now - this.#playedAt) : 0
      this.#playedAt = now
      view.head = playhead.advance(view.head, passed, view.store.newestTick)
      loop.markDirty()
      if (view.head.isPlaying) requestAnimationFrame(on)
      else this.#setHead(view.head)
    }
    requestAnimationFrame(on)
  }

  #writeTick(): void {
    clearTimeout(this.#resting)
    this.#resting = setTimeout(() => {
      const { tick } = this.#parts.view.head
      if (tick !== this.#place.tick) this.#write({ ...this.#place, tick }, 'replace')
    }, REST_MS)
  }

  #selectNode(node: string): void {
    this.#go({ node, ...(this.#place.tab === 'graph' ? { tab: 'why' as const } : {}) }, 'push')
  }

  #selectRange(range: readonly [number, number] | null): void {
    this.#go({ range }, 'push')
  }

  #showRange(): void {
    const { series } = this.#parts.view.store
    const { range } = this.#place
    setHidden(byId('range-tools'), range === null)
    this.#isRangeShown = range === null || series.tickAt(Number.MAX_SAFE_INTEGER) >= range[1]
    if (range !== null && !this.#isRangeShown) return
    if (range !== null) setText(byId('range-words'), range.map((tick) => formatTime(series.timeOf(tick))).join(' to '))
    this.#explain.show(range)
  }

  #go(change: Partial<Place>, how: 'push' | 'replace'): void {
    const before = this.#place
    this.#write({ ...before, ...change }, how)
    this.#show(this.#place, before)
  }

  #write(place: Place, how: 'push' | 'replace'): void {
    if (writePlace(place) === writePlace(this.#place)) return
    this.#place = place
    const address = `${location.pathname}${writePlace(place)}`
    if (how === 'push') history.pushState(null, '', address)
    else history.replaceState(null, '', address)
  }

  /** Bring the page to a place. `before` is what it shows already, so that a filter that is typed in is not set again. */
  #show(place: Place, before: Place | null = null): void {
    const { view, loop } = this.#parts
    this.#place = place
    if (before === null) {
      view.head = place.tick === null ? playhead.goLive(view.head) : { ...view.head, tick: place.tick, isPlaying: false, fraction: 0 }
      this.#events.filter = place
    }
    this.#inspector.select(place.node)
    this.#graph.select(this.#inspector.node)
    this.#tabs.show(place.tab ?? 'chart')
    this.#charts.timeframe = place.timeframe
    for (const button of document.querySelectorAll<HTMLButtonElement>('button[data-timeframe]')) {
      button.setAttribute('aria-pressed', String(button.dataset['timeframe'] === place.timeframe))
    }
    if (before === null || before.range !== place.range || (place.range !== null && before.node !== place.node)) this.#showRange()
    loop.flush()
  }

  #hover(time: number | null): void {
    const { series } = this.#parts.view.store
    if (time === null) this.#charts.point(Number.NaN)
    byId('charts')?.setAttribute('data-hover', time === null ? '' : String(series.tickAt(time)))
  }

  /** A link to another moment or node of this page is followed without loading it anew. */
  #follow(event: MouseEvent): void {
    const link = (event.target as Element).closest<HTMLAnchorElement>('a.tick-link')
    if (link === null || event.ctrlKey || event.metaKey || event.shiftKey) return
    event.preventDefault()
    const { tick, node } = readPlace(new URL(link.href).search)
    if (node !== null) this.#go({ node }, 'push')
    if (tick === null) return
    this.seek(tick)
    this.#write({ ...this.#place, tick }, 'push')
  }

  #press(event: KeyboardEvent): void {
    const command = commandOf(event)
    if (command === null || command === 'help' || belongsTo(event.target, event.key)) return
    const isOnChart = event.target instanceof Element && event.target.closest('.chart-canvas') !== null
    if (!areShortcutsOn() && !(isOnChart && event.key.startsWith('Arrow'))) return
    event.preventDefault()
    this.#do(command)
  }

  /** Tell those who listen where they are, once the moment rests. */
  #say(): void {
    clearTimeout(this.#saying)
    this.#saying = setTimeout(() => setText(byId('moment-announcement'), this.#transport.words()), REST_MS)
  }

  #saying: ReturnType<typeof setTimeout> | undefined

  async #copyLink(): Promise<void> {
    const { view } = this.#parts
    const link = `${location.origin}${location.pathname}${writePlace({ ...this.#place, tick: view.head.tick })}`
    const words = byId('copy-link-words')
    try {
      await navigator.clipboard.writeText(link)
      setText(words, 'Copied')
    } catch {
      // No permission, or no secure context: the address bar has the same.
      this.#write({ ...this.#place, tick: view.head.tick }, 'replace')
      setText(words, 'In the address bar')
    }
    setTimeout(() => setText(words, 'Copy link'), 2_000)
  }

  #exportPicture(): void {
    const palette = readPalette()
    const { page, title, view } = this.#parts
    const sessionId = page.dataset['sessionId'] ?? 'session'
    const canvases = this.#charts.charts.map((chart) => chart.canvas)
    const detail = `${sessionId} · ${formatTime(view.time)} IST · tick ${view.tick}`
    const { text, axis: muted, surface } = palette
    download(pictureOf(canvases, { title, detail, text, muted, surface }), `${sessionId}-charts.png`)
  }

  #zoomToRange(): void {
    const { range } = this.#place
    const { series } = this.#parts.view.store
    if (range === null) return
    const [min, max] = [series.timeOf(range[0]), series.timeOf(range[1])]
    this.#charts.zoomTo({ min, max: Math.max(max, min + MINUTE_TICKS) })
    this.#parts.loop.flush()
  }

  #widenGraph(): void {
    const { page } = this.#parts
    const isWide = page.dataset['graph'] !== 'wide'
    page.dataset['graph'] = isWide ? 'wide' : 'beside'
    byId('graph-wide')?.setAttribute('aria-pressed', String(isWide))
  }
}

function exportMenu(): HTMLDetailsElement | null {
  return document.querySelector<HTMLDetailsElement>('.tools .menu')
}

function openExports(): void {
  const menu = exportMenu()
  if (menu === null) return
  menu.open = true
  menu.querySelector<HTMLElement>('a')?.focus()
}

/** Escape closes the exports and gives the focus back; so does a click elsewhere, which keeps it. */
function closeExports(event: Event): void {
  const menu = exportMenu()
  if (menu?.open !== true) return
  const isEscape = event instanceof KeyboardEvent && event.key === 'Escape'
  const isElsewhere = event.type === 'click' && event.target instanceof Node && !menu.contains(event.target)
  if (isEscape || isElsewhere) menu.open = false
  if (isEscape) menu.querySelector('summary')?.focus()
}

/** A button pressed by the pointer lets go of the focus, so that Space plays and does not press it again. */
function letGo(event: MouseEvent): void {
  const button = event.detail > 0 && event.target instanceof Element ? event.target.closest<HTMLElement>('button') : null
  if (button?.closest('.transport, .chart-bar') != null) button.blur()
}
