/** The top of the page: state and freshness in words, progress, and the day's figures. */

import type { ConnectionState } from 'backtest-stream'
import { byId, setData, setHidden, setText } from '../dom.ts'
import { timeOfDay } from '../exchange_time.ts'
import type { Panel } from '../live/frame_loop.ts'
import { PaceMeter } from '../live/pace_meter.ts'
import { sessionStatus, type StatusFacts } from '../live/session_status.ts'
import type { SessionStore } from '../live/session_store.ts'
import { formatCount, formatPace, formatPrice, formatSignedMoney, signOf } from '../numbers.ts'

/** What the headline needs beside the store. */
export interface HeadlineSources {
  readonly connection: () => ConnectionState
  /** Ticks done; 0 before the first. */
  readonly tick: () => number
  readonly totalTicks: () => number | null
  /** How the session ended, from the stream or, where the stream has nothing to tell, from the page itself. */
  readonly ended: () => StatusFacts['ended']
  readonly error: () => string | null
  /** `performance.now()` when the newest tick came; null before the first. */
  readonly tickCameAt: () => number | null
}

export class StatusPanel implements Panel {
  readonly interval = 100
  readonly #sources: HeadlineSources
  readonly #status = byId('status')
  readonly #word = byId('status-word')
  readonly #detail = byId('status-detail')
  readonly #announcement = byId('status-announcement')
  readonly #retry = byId<HTMLButtonElement>('status-retry')
  readonly #progress = byId<HTMLProgressElement>('progress')
  readonly #cancel = byId('cancel-form')

  constructor(sources: HeadlineSources, retryNow: () => void) {
    this.#sources = sources
    this.#retry?.addEventListener('click', retryNow)
  }

  draw(): void {
    const now = performance.now()
    const cameAt = this.#sources.tickCameAt()
    const facts: StatusFacts = {
      connection: this.#sources.connection(),
      ended: this.#sources.ended(),
      error: this.#sources.error(),
      tick: this.#sources.tick(),
      totalTicks: this.#sources.totalTicks(),
      age: cameAt === null ? null : now - cameAt,
      now,
    }
    const status = sessionStatus(facts)
    setText(this.#word, status.word)
    setText(this.#detail, status.detail)
    setHidden(this.#retry, status.kind !== 'reconnecting' && status.kind !== 'refused')
    setHidden(this.#cancel, facts.ended !== null)
    if (this.#status?.dataset['kind'] !== status.kind) {
      setData(this.#status, 'kind', status.kind)
      setText(this.#announcement, status.announcement)
    }
    if (this.#progress !== null && facts.totalTicks !== null && facts.totalTicks > 0) {
      this.#progress.max = facts.totalTicks
      this.#progress.value = facts.tick
    }
  }
}

export class FiguresPanel implements Panel {
  readonly interval = 100
  readonly #store: SessionStore
  readonly #underlying: string
  readonly #pace = new PaceMeter()
  readonly #ended: () => boolean

  constructor(store: SessionStore, underlying: string, ended: () => boolean) {
    this.#store = store
    this.#underlying = underlying
    this.#ended = ended
  }

  draw(): void {
    const { state, newestTick } = this.#store
    const tick = state.diagnostics.current_state
    if (tick !== null) {
      showMoney('figure-total', tick.pnl_summary.total_pnl)
      showMoney('figure-realized', tick.pnl_summary.realized_pnl)
      showMoney('figure-unrealized', tick.pnl_summary.unrealized_pnl)
      setText(byId('figure-open'), formatCount(tick.pnl_summary.open_trades))
      setText(byId('figure-underlying'), formatPrice(tick.ltp[this.#underlying]?.ltp ?? Number.NaN))
      setText(byId('figure-time'), timeOfDay(tick.timestamp))
    }
    const { summary } = state.trades
    setText(byId('figure-trades'), formatCount(summary.total_trades))
    setText(byId('figure-wins'), `${formatCount(summary.winning_trades)} won, ${formatCount(summary.losing_trades)} lost`)
    setText(byId('figure-win-rate'), `${summary.win_rate} %`)
    this.#showPace(newestTick)
  }

  #showPace(newestTick: number): void {
    if (this.#ended()) return
    if (newestTick > 0) this.#pace.note(newestTick, performance.now())
    const pace = this.#pace.ticksPerSecond
    if (Number.isFinite(pace)) setText(byId('figure-pace'), formatPace(pace))
  }
}

function showMoney(id: string, money: string): void {
  const node = byId(id)
  setText(node, formatSignedMoney(money))
  setData(node, 'tone', { '-1': 'loss', '0': '', '1': 'profit' }[signOf(money)])
}
