/** The top of the page: state and freshness in words, progress, and the day's figures. */

import { byId, setData, setHidden, setText } from '../dom.ts'
import { timeOfDay } from '../exchange_time.ts'
import type { Panel } from '../live/frame_loop.ts'
import { PaceMeter } from '../live/pace_meter.ts'
import { sessionStatus, type StatusFacts } from '../live/session_status.ts'
import { formatCount, formatPace, formatPrice, formatSignedMoney, signOf } from '../numbers.ts'
import type { SessionView } from '../session_view.ts'

export class StatusPanel implements Panel {
  readonly interval = 100
  readonly #facts: () => StatusFacts
  readonly #status = byId('status')
  readonly #word = byId('status-word')
  readonly #detail = byId('status-detail')
  readonly #announcement = byId('status-announcement')
  readonly #retry = byId<HTMLButtonElement>('status-retry')
  readonly #progress = byId<HTMLProgressElement>('progress')
  readonly #cancel = byId('cancel-form')
  readonly #afresh = byId('afresh')

  constructor(facts: () => StatusFacts, retryNow: () => void, dismissAfresh: () => void) {
    this.#facts = facts
    this.#retry?.addEventListener('click', retryNow)
    byId('afresh-dismiss')?.addEventListener('click', dismissAfresh)
  }

  draw(): void {
    const facts = this.#facts()
    const status = sessionStatus(facts)
    setText(this.#word, status.word)
    setText(this.#detail, status.detail)
    setHidden(this.#retry, status.kind !== 'offline' && status.kind !== 'refused')
    setHidden(this.#cancel, facts.ended !== null)
    setHidden(this.#afresh, facts.news.startedAfresh === null)
    setText(byId('afresh-words'), facts.news.startedAfresh ?? '')
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
  readonly #view: SessionView
  readonly #underlying: string
  readonly #pace = new PaceMeter()
  readonly #ended: () => boolean

  constructor(view: SessionView, underlying: string, ended: () => boolean) {
    this.#view = view
    this.#underlying = underlying
    this.#ended = ended
  }

  draw(): void {
    const { state, store } = this.#view
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
    this.#showPace(store.newestTick)
    setData(byId('figures'), 't', timeOfDay(tick?.timestamp))
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
