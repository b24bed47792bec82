/**
 * Explain a range: for what share of it each condition stood in the way, node by node, and how near it came.
 *
 * The range is dragged on a chart or typed as two times; both are the same range.
 */

import { byId, create, setData, setHidden, setText } from '../dom.ts'
import { EXCHANGE_OFFSET_S, formatTime, timeOfDay, wallClock } from '../exchange_time.ts'
import { readJson, sentenceOf, stateAfter } from '../live/answers.ts'
import type { Face } from '../live/panel_faces.ts'
import { reasonShares, type ExplainDocument, type ExplainedNode } from '../live/why.ts'
import { formatCount } from '../numbers.ts'
import type { SessionView } from '../session_view.ts'

/** Nodes that decide whether something is entered: they are explained whatever node is looked at. */
const ENTRIES = new Set(['EntrySignalNode', 'ReEntrySignalNode'])
const MOST_REASONS = 6
const DAY_S = 86_400

type Range = readonly [number, number]

export class ExplainPanel {
  readonly #view: SessionView
  readonly #apiUrl: string
  readonly #node: () => string
  readonly #form = byId<HTMLFormElement>('explain-form')
  readonly #from = byId<HTMLInputElement>('explain-from')
  readonly #to = byId<HTMLInputElement>('explain-to')
  readonly #list = byId('explain-list')
  readonly #words = byId('explain-words')
  #range: Range | null = null

  constructor(view: SessionView, apiUrl: string, node: () => string, onRange: (range: Range | null) => void) {
    this.#view = view
    this.#apiUrl = apiUrl
    this.#node = node
    this.#form?.addEventListener('submit', (event) => {
      event.preventDefault()
      const range = this.#typedRange()
      if (range !== null) onRange(range)
    })
    byId('explain-clear')?.addEventListener('click', () => onRange(null))
  }

  /** Show a range and explain it; null shows none. */
  show(range: Range | null): void {
    this.#range = range
    setHidden(byId('explain-clear'), range === null)
    if (range === null) {
      this.#list?.replaceChildren()
      this.#face('empty')
      setText(this.#words, 'Drag over a chart, or type two times, to hear what stood in the way.')
      return
    }
    const [first, last] = range.map((tick) => formatTime(this.#view.store.series.timeOf(tick))) as [string, string]
    if (this.#from !== null) this.#from.value = first
    if (this.#to !== null) this.#to.value = last
    void this.#explain(range, first, last)
  }

  #typedRange(): Range | null {
    const { series } = this.#view.store
    const day = Math.floor((series.timeOf(series.first) + EXCHANGE_OFFSET_S) / DAY_S) * DAY_S - EXCHANGE_OFFSET_S
    const ticks = [this.#from, this.#to].map((field) => {
      const seconds = secondsOf(field?.value ?? '')
      field?.setCustomValidity(seconds === null ? 'Write a time such as 10:42 or 10:42:30.' : '')
      return seconds === null ? null : Math.max(series.first, series.tickAt(day + seconds))
    })
    const [first, last] = ticks
    if (this.#form?.reportValidity() !== true || first == null || last == null) return null
    return first <= last ? [first, last] : [last, first]
  }

  async #explain(range: Range, from: string, to: string): Promise<void> {
    this.#face('loading')
    setText(this.#words, `Reading ${from} to ${to} …`)
    const query = new URLSearchParams({ from, to, day: dayOf(this.#view.store.series.timeOf(range[0])) })
    try {
      const document = await readJson<ExplainDocument>(`${this.#apiUrl}explain/?${query}`)
      if (this.#range === range) this.#tell(document, from, to)
    } catch (error) {
      if (this.#range !== range) return
      this.#list?.replaceChildren()
      this.#face(stateAfter(error) === 'refused' ? 'forbidden' : 'error')
      setText(this.#words, `It cannot be explained: ${sentenceOf(error)}`)
    }
  }

  #face(face: Face): void {
    setData(byId('explain'), 'face', face)
  }

  #tell(document: ExplainDocument, from: string, to: string): void {
    const chosen = this.#node()
    const nodes = document.nodes.filter((node) => node.node_id === chosen || ENTRIES.has(node.node_type))
    this.#face(nodes.length === 0 ? 'empty' : 'live')
    nodes.sort((one, other) => Number(other.node_id === chosen) - Number(one.node_id === chosen))
    setText(this.#words, `${from} to ${to} IST, ${formatCount(document.ticks)} ticks`)
    const list = this.#list
    if (list === null) return
    // Who has just followed a link of the list by keyboard goes on from there.
    const followed = list.querySelector('a:focus')?.getAttribute('href')
    list.replaceChildren(...nodes.map(nodeItem))
    if (followed === undefined) return
    for (const link of list.querySelectorAll('a')) if (link.getAttribute('href') === followed) link.focus()
  }
}

function nodeItem(node: ExplainedNode): HTMLElement {
  const item = create('li', 'explained')
  item.dataset['nodeId'] = node.node_id
  const head = create('p', 'explained-head')
  head.append(create('span', 'node-name', node.node_name))
  head.append(create('span', 'muted', node.signals === 0 ? 'did not fire' : `fired ${formatCount(node.signals)}×`))
  const reasons = create('ul')
  for (const { reason, share, ticks, nearestMiss } of reasonShares(node).slice(0, MOST_REASONS)) {
    const row = create('li', 'reason-share')
    const bar = create('span', 'share-bar')
    bar.style.setProperty('--share', String(share))
    const words = create('span', 'share-words', reason.replace(/^condition false: /, ''))
    row.append(bar, create('span', 'share-percent', `${(share * 100).toFixed(1)} %`), words)
    row.title = `${formatCount(ticks)} ticks`
    if (nearestMiss !== null) {
      const link = create('a', 'tick-link', `nearest ${timeOfDay(nearestMiss.timestamp)}: ${nearestMiss.evaluated}`)
      link.href = `?t=${nearestMiss.tick}&node=${encodeURIComponent(node.node_id)}`
      row.append(link)
    }
    reasons.append(row)
  }
  item.append(head, reasons)
  return item
}

/** Seconds since midnight of "10:42" or "10:42:30"; null for anything else. */
export function secondsOf(text: string): number | null {
  const match = /^\s*([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?\s*$/.exec(text)
  return match === null ? null : Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3] ?? 0)
}

function dayOf(unixSeconds: number): string {
  return wallClock(unixSeconds).toISOString().slice(0, 10)
}
