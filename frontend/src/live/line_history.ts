/**
 * What became of the line since the page was opened: came back, started afresh, catching up, silent.
 *
 * Pure: it is told what the line says and when, and answers with what there is to tell now.
 */

import type { StreamAnswer } from 'backtest-stream'
import type { Line } from './feed.ts'

/** How long it is said that the line came back. */
const RESUMED_MS = 5_000
/** Two heartbeats of the server, 15 s ± 20 %: a line silent for longer is stale. */
export const STALE_MS = 36_000
/** Missed events from which on it is worth saying how far the catching up is. */
const WORTH_TELLING = 500

export interface LineNews {
  /** The tick that the page had when the line came back; null where that is not news any more. */
  readonly resumedFrom: number | null
  /** Why the page started afresh; null where it did not, or the reader has put the note away. */
  readonly startedAfresh: string | null
  /** How much of what was missed has come, 0 to 1; null where nothing worth telling is missing. */
  readonly caughtUp: number | null
  /** Milliseconds of silence, where it is too long for a line that is alive; else null. */
  readonly silentFor: number | null
}

export class LineHistory {
  #phase: Line['phase'] = 'idle'
  #hasBeenOpen = false
  #resumed: { readonly tick: number; readonly at: number } | null = null
  #startedAfresh: string | null = null
  #catchUp: { readonly from: number; readonly to: number } | null = null
  #aliveAt: number | null = null

  /**
   * Note what the line says.
   *
   * @param tick Newest tick that the page has; 0 before the first.
   * @param eventId Newest event that the page has; −1 before the first.
   * @param at Milliseconds, any clock that only goes forward; the same in `news`.
   */
  note({ phase, answer }: Pick<Line, 'phase' | 'answer'>, tick: number, eventId: number, at: number): void {
    const hasOpened = phase === 'open' && this.#phase !== 'open'
    this.#phase = phase
    if (!hasOpened) return
    this.#aliveAt = at
    this.#catchUp = answer?.head == null ? null : { from: Math.max(0, eventId), to: answer.head }
    if (this.#hasBeenOpen) this.#comeBack(answer, tick, eventId, at)
    this.#hasBeenOpen = true
  }

  noteAlive(at: number): void {
    this.#aliveAt = at
  }

  dismiss(): void {
    this.#startedAfresh = null
  }

  news(eventId: number, at: number): LineNews {
    const silence = this.#phase === 'open' && this.#aliveAt !== null ? at - this.#aliveAt : 0
    return {
      resumedFrom: this.#resumed !== null && at - this.#resumed.at < RESUMED_MS ? this.#resumed.tick : null,
      startedAfresh: this.#startedAfresh,
      caughtUp: this.#share(eventId),
      silentFor: silence > STALE_MS ? silence : null,
    }
  }

  #comeBack(answer: StreamAnswer | null, tick: number, eventId: number, at: number): void {
    if (answer?.mode !== 'snapshot') {
      this.#resumed = { tick, at }
      return
    }
    const missed = answer.head === null || eventId < 0 ? null : answer.head - eventId
    this.#startedAfresh =
      missed === null || missed <= 0
        ? 'Re-snapshotted: the server started this page afresh. Nothing is lost.'
        : `Re-snapshotted: this page missed ${missed.toLocaleString('en-US')} events while the line was down, so it was started afresh. Nothing is lost.`
  }

  #share(eventId: number): number | null {
    if (this.#phase !== 'open' || this.#catchUp === null) return null
    const { from, to } = this.#catchUp
    if (to - from < WORTH_TELLING || eventId >= to) return null
    return Math.max(0, (eventId - from) / (to - from))
  }
}
