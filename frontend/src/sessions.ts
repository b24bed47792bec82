/**
 * Lists of sessions: cards and rows stay true in place while sessions run. New ones are announced, and one that has ended
 * stays where it is: nothing moves under the pointer.
 */

import { byId, create, setData, setHidden, setText } from './dom.ts'
import { readJson, sentenceOf, stateAfter } from './live/answers.ts'
import { formatAge, formatCount, formatSignedMoney, signOf } from './numbers.ts'
import { sparkPath } from './spark.ts'

const REFRESH_MS = 1_000
const TONES = { '-1': 'loss', '0': '', '1': 'profit' } as const

/** The part of GET /api/sessions/<id>/ that a row shows. */
interface SessionRow {
  readonly session_id: string
  readonly state: string
  readonly progress_percent: number
  readonly result: { readonly total_trades?: number; readonly total_pnl?: string; readonly net_pnl?: string } | null
}

/** One entry of GET /api/sessions/live/. */
interface LiveSession {
  readonly session_id: string
  readonly state: string
  readonly strategy: string
  readonly version: number
  readonly ticks_done: number
  readonly total_ticks: number | null
  readonly progress_percent: number
  readonly total_pnl: string | null
  readonly spark: readonly number[]
}

interface LiveDocument {
  readonly results: readonly LiveSession[]
  readonly newest: string | null
  readonly count: number
}

class SessionList {
  readonly #url: string
  readonly #rows: ReadonlyMap<string, HTMLTableRowElement>
  readonly #cards = new LiveCards()
  /** Rows that were not finished when they were last seen. */
  readonly #unfinished = new Set<string>()
  #readAt: number | null = null
  #fault: { readonly sentence: string; readonly face: 'error' | 'forbidden' } | null = null
  #isHeld = false

  constructor(url: string) {
    this.#url = url
    const rows = [...document.querySelectorAll<HTMLTableRowElement>('#sessions tr[data-session-id]')]
    this.#rows = new Map(rows.map((row) => [row.dataset['sessionId'] ?? '', row]))
    for (const [id, row] of this.#rows) {
      const state = row.querySelector<HTMLElement>('.state')?.dataset['state']
      if (state === 'queued' || state === 'running') this.#unfinished.add(id)
    }
  }

  start(): void {
    byId('list-hold')?.addEventListener('click', () => this.#hold())
    void this.#refreshForEver()
    setInterval(() => this.#showFreshness(), 1_000)
  }

  async #refreshForEver(): Promise<void> {
    for (;;) {
      if (document.visibilityState === 'visible' && !this.#isHeld) await this.#refresh()
      await new Promise((resolve) => setTimeout(resolve, REFRESH_MS))
    }
  }

  /** What moves by itself can be held (WCAG 2.2.2). */
  #hold(): void {
    this.#isHeld = !this.#isHeld
    byId('list-hold')?.setAttribute('aria-pressed', String(this.#isHeld))
    this.#showFreshness()
  }

  async #refresh(): Promise<void> {
    try {
      const live = await readJson<LiveDocument>(`${this.#url}live/`)
      const running = new Set(live.results.map(({ session_id }) => session_id))
      for (const session of live.results) showProgress(this.#rows.get(session.session_id), session)
      const ended = [...this.#unfinished].filter((id) => !running.has(id))
      for (const id of ended) await this.#showEnd(id)
      for (const id of this.#cards.gone(running)) this.#cards.end(await readJson<SessionRow>(`${this.#url}${id}/`))
      this.#cards.show(live)
      this.#announce(live.newest)
      this.#readAt = performance.now()
      this.#fault = null
    } catch (error) {
      this.#fault = { sentence: sentenceOf(error), face: stateAfter(error) === 'refused' ? 'forbidden' : 'error' }
    }
    this.#showFreshness()
  }

  async #showEnd(id: string): Promise<void> {
    const session = await readJson<SessionRow>(`${this.#url}${id}/`)
    showSession(this.#rows.get(id), session)
    // More sessions may run than the live document lists.
    if (session.state !== 'queued' && session.state !== 'running') this.#unfinished.delete(id)
  }

  /** Only where the list begins with the newest: on other pages a new session belongs elsewhere. */
  #announce(newest: string | null): void {
    const isNewestFirst = location.search === ''
    setHidden(byId('list-new'), !(isNewestFirst && newest !== null && !this.#rows.has(newest)))
  }

  #showFreshness(): void {
    const age = this.#readAt === null ? '' : `updated ${formatAge(performance.now() - this.#readAt)} ago`
    const words = this.#fault === null ? age : `not up to date: ${this.#fault.sentence} ${age}`
    setText(byId('list-freshness'), this.#isHeld ? `held, ${words}` : words)
    const face = this.#fault?.face ?? (this.#isHeld ? 'stale' : this.#readAt === null ? 'loading' : 'live')
    for (const id of ['sessions', 'live-now']) setData(byId(id), 'face', face)
  }
}

class LiveCards {
  readonly #section = byId('live-now')
  readonly #list = byId('live-cards')
  readonly #cards = new Map<string, HTMLElement>()
  readonly #ended = new Set<string>()

  constructor() {
    for (const card of this.#list?.querySelectorAll<HTMLElement>('.live-card') ?? []) {
      this.#cards.set(card.dataset['sessionId'] ?? '', card)
    }
  }

  /** Cards whose sessions run no more and have not been told of it. */
  gone(running: ReadonlySet<string>): readonly string[] {
    return [...this.#cards.keys()].filter((id) => !running.has(id) && !this.#ended.has(id))
  }

  show({ results, count }: LiveDocument): void {
    if (this.#list === null) return
    for (const session of results) {
      let card = this.#cards.get(session.session_id)
      if (card === undefined) {
        card = newCard(session)
        this.#cards.set(session.session_id, card)
        this.#list.append(card)
      }
      showCard(card, session)
    }
    setText(byId('live-count'), formatCount(count))
    setHidden(this.#section, this.#cards.size === 0)
  }

  end(session: SessionRow): void {
    const card = this.#cards.get(session.session_id)
    if (card === undefined || session.state === 'queued' || session.state === 'running') return
    this.#ended.add(session.session_id)
    showState(card.querySelector('.state'), session.state)
    if (session.result !== null) showMoney(card.querySelector('.live-pnl'), netOf(session.result))
    setText(card.querySelector('.live-tick'), 'ended')
  }
}

function newCard(session: LiveSession): HTMLElement {
  const card = create('li', 'panel live-card')
  card.dataset['sessionId'] = session.session_id
  const name = create('h3', 'live-name')
  const link = create('a', '', `${session.strategy} `)
  link.href = `/sessions/${encodeURIComponent(session.session_id)}/`
  link.append(create('span', 'version', `v${session.version}`))
  name.append(link)
  const words = create('p', 'live-state')
  const state = create('span', 'state')
  const shape = create('span', 'state-shape')
  shape.setAttribute('aria-hidden', 'true')
  state.append(shape, '')
  words.append(state, ' ', create('span', 'mono live-id', session.session_id))
  const tick = create('p', 'live-tick muted')
  card.append(name, words, newSpark(), create('p', 'live-pnl'), tick)
  return card
}

function newSpark(): SVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path')
  svg.setAttribute('class', 'spark')
  svg.setAttribute('viewBox', '0 0 120 32')
  svg.setAttribute('preserveAspectRatio', 'none')
  svg.setAttribute('aria-hidden', 'true')
  path.setAttribute('class', 'spark-line')
  svg.append(path)
  return svg
}

function showCard(card: HTMLElement, session: LiveSession): void {
  showState(card.querySelector('.state'), session.state)
  if (session.total_pnl !== null) showMoney(card.querySelector('.live-pnl'), session.total_pnl)
  card.querySelector('.spark-line')?.setAttribute('d', sparkPath(session.spark))
  const total = session.total_ticks === null ? '' : ` / ${formatCount(session.total_ticks)}`
  setText(card.querySelector('.live-tick'), session.total_ticks === null ? 'not started' : `tick ${formatCount(session.ticks_done)}${total}`)
}

function showProgress(row: HTMLTableRowElement | undefined, session: LiveSession): void {
  if (row === undefined) return
  showState(row.querySelector('.state'), session.state)
  showPercent(row, session.progress_percent)
}

function showSession(row: HTMLTableRowElement | undefined, session: SessionRow): void {
  if (row === undefined) return
  showState(row.querySelector('.state'), session.state)
  showPercent(row, session.progress_percent)
  if (session.result === null) return
  setText(row.querySelector('.row-trades'), formatCount(session.result.total_trades ?? 0))
  showMoney(row.querySelector('.row-pnl'), netOf(session.result))
}

function showState(state: HTMLElement | null, name: string): void {
  setData(state, 'state', name)
  const word = state?.lastChild
  const label = name.charAt(0).toUpperCase() + name.slice(1)
  if (word != null && word.textContent !== label) word.textContent = label
}

function showPercent(row: HTMLElement, percent: number): void {
  setText(row.querySelector('.row-percent'), `${percentWords(percent)} %`)
  const progress = row.querySelector<HTMLProgressElement>('.row-progress')
  if (progress !== null) progress.value = percent
}

function showMoney(node: HTMLElement | null, money: string): void {
  setText(node, formatSignedMoney(money))
  setData(node, 'tone', TONES[signOf(money)])
}

function netOf(result: NonNullable<SessionRow['result']>): string {
  return result.net_pnl ?? result.total_pnl ?? '0.00'
}

/** 100 as "100", 61.5 as "61.5": as the template's floatformat writes them. */
function percentWords(percent: number): string {
  return Number.isInteger(percent) ? String(percent) : percent.toFixed(1)
}

const url = byId('sessions')?.dataset['sessionsUrl'] ?? byId('live-now')?.dataset['liveUrl']?.replace(/live\/$/, '')
if (url !== undefined) new SessionList(url).start()
