/**
 * Who did what to the session, as the server knows it: who started it, who cancelled it, its place in the queue.
 *
 * Read from the session's small document, once a second while it runs and the page is looked at.
 */

import { byId, setHidden, setText } from '../dom.ts'
import { timeOfDay } from '../exchange_time.ts'

const READ_MS = 1_000

/** The part of GET /api/sessions/<id>/ that the page reads. */
export interface SessionDocument {
  readonly state: string
  readonly total_ticks: number | null
  readonly ticks_done?: number
  readonly error?: string
  readonly started_by?: string | null
  readonly cancel_requested?: boolean
  readonly cancel_requested_by?: string | null
  readonly cancel_requested_at?: string | null
  readonly queue_position?: number | null
}

const FINISHED = new Set(['completed', 'failed', 'cancelled'])

export class ControlPanel {
  readonly #url: string
  readonly #onDocument: (document: SessionDocument) => void
  #isReading = false
  #timer: ReturnType<typeof setInterval> | undefined

  constructor(url: string, onDocument: (document: SessionDocument) => void) {
    this.#url = url
    this.#onDocument = onDocument
  }

  start(): void {
    this.#timer = setInterval(() => {
      if (document.visibilityState === 'visible') void this.read()
    }, READ_MS)
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible' && this.#timer !== undefined) void this.read()
    })
  }

  /** Read once more, then no more: the session has ended. */
  finish(): void {
    if (this.#timer === undefined) return
    clearInterval(this.#timer)
    this.#timer = undefined
    void this.read()
  }

  async read(): Promise<void> {
    if (this.#isReading) return
    this.#isReading = true
    const answer = await fetch(this.#url, { headers: { Accept: 'application/json' } }).catch(() => null)
    if (answer?.ok === true) {
      const session = (await answer.json()) as SessionDocument
      this.#show(session)
      this.#onDocument(session)
    }
    this.#isReading = false
  }

  #show(session: SessionDocument): void {
    const words = cancelWords(session)
    setHidden(byId('control-words'), words === '')
    setText(byId('control-words'), words)
    setText(byId('started-by'), session.started_by == null ? '' : `started by ${session.started_by}`)
    const cancel = byId<HTMLButtonElement>('cancel')
    if (cancel !== null) cancel.disabled = session.cancel_requested === true
  }
}

/** "Cancelled by alice at 14:03:22"; "alice asked to cancel at …" while the worker has not stopped yet. */
export function cancelWords(session: SessionDocument): string {
  const { cancel_requested_by: by, cancel_requested_at: at, cancel_requested: isAsked, state } = session
  if (isAsked !== true && state !== 'cancelled') return ''
  const when = at == null ? '' : ` at ${timeOfDay(at)}`
  if (state === 'cancelled') return by == null ? 'Cancelled.' : `Cancelled by ${by}${when}.`
  if (FINISHED.has(state)) return ''
  return `${by ?? 'Somebody'} asked to cancel${when}; the worker stops at the next batch.`
}
