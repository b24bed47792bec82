/**
 * Lists of sessions: rows stay true in place while sessions run; new ones are announced, never moved under the pointer.
 */

import { byId, setData, setHidden, setText } from './dom.ts'
import { formatAge, formatCount, formatSignedMoney, signOf } from './numbers.ts'

const REFRESH_MS = 2_000
const SHOWN = 100

/** The part of GET /api/sessions/ that the rows show. */
interface SessionRow {
  readonly session_id: string
  readonly state: string
  readonly progress_percent: number
  readonly result: { readonly total_trades?: number; readonly total_pnl?: string } | null
}

class SessionList {
  readonly #url: string
  readonly #rows: ReadonlyMap<string, HTMLTableRowElement>
  readonly #isFirstPage = !new URLSearchParams(location.search).has('page')
  readonly #isWhole: boolean
  #readAt: number | null = null
  #fault: string | null = null

  constructor(section: HTMLElement) {
    this.#url = section.dataset['sessionsUrl'] ?? ''
    const rows = [...section.querySelectorAll<HTMLTableRowElement>('tr[data-session-id]')]
    this.#rows = new Map(rows.map((row) => [row.dataset['sessionId'] ?? '', row]))
    this.#isWhole = byId('list-new') !== null
  }

  start(): void {
    void this.#refreshForEver()
    setInterval(() => this.#showFreshness(), 1_000)
  }

  async #refreshForEver(): Promise<void> {
    for (;;) {
      if (document.visibilityState === 'visible') await this.#refresh()
      await new Promise((resolve) => setTimeout(resolve, REFRESH_MS))
    }
  }

  async #refresh(): Promise<void> {
    try {
      const answer = await fetch(`${this.#url}?limit=${SHOWN}`, { headers: { Accept: 'application/json' } })
      if (!answer.ok) throw new Error(`the server answered ${answer.status}`)
      const { results } = (await answer.json()) as { readonly results: readonly SessionRow[] }
      results.forEach((session) => showSession(this.#rows.get(session.session_id), session))
      const newest = results[0]?.session_id
      const hasNew = newest !== undefined && !this.#rows.has(newest)
      setHidden(byId('list-new'), !(hasNew && this.#isFirstPage && this.#isWhole))
      this.#readAt = performance.now()
      this.#fault = null
    } catch (error) {
      this.#fault = error instanceof TypeError ? 'the server cannot be reached' : String(error)
    }
    this.#showFreshness()
  }

  #showFreshness(): void {
    const age = this.#readAt === null ? '' : `updated ${formatAge(performance.now() - this.#readAt)} ago`
    setText(byId('list-freshness'), this.#fault === null ? age : `not up to date: ${this.#fault}${age && `, ${age}`}`)
  }
}

function showSession(row: HTMLTableRowElement | undefined, session: SessionRow): void {
  if (row === undefined) return
  const state = row.querySelector<HTMLElement>('.state')
  setData(state, 'state', session.state)
  const word = state?.lastChild
  const label = session.state.charAt(0).toUpperCase() + session.state.slice(1)
  if (word != null && word.textContent !== label) word.textContent = label
  setText(row.querySelector('.row-percent'), `${percentWords(session.progress_percent)} %`)
  const progress = row.querySelector<HTMLProgressElement>('.row-progress')
  if (progress !== null) progress.value = session.progress_percent
  if (session.result === null) return
  setText(row.querySelector('.row-trades'), formatCount(session.result.total_trades ?? 0))
  const pnl = row.querySelector<HTMLElement>('.row-pnl')
  const money = session.result.total_pnl ?? '0.00'
  setText(pnl, formatSignedMoney(money))
  setData(pnl, 'tone', { '-1': 'loss', '0': '', '1': 'profit' }[signOf(money)])
}

/** 100 as "100", 61.5 as "61.5": as the template's floatformat writes them. */
function percentWords(percent: number): string {
  return Number.isInteger(percent) ? String(percent) : percent.toFixed(1)
}

const section = byId('sessions')
if (section !== null) new SessionList(section).start()
