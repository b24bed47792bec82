/**
 * What the page says about how fresh it is: one state in words, for the eye and for the screen reader.
 *
 * What the session does and what the line does are two things: a session may have ended while the line is down, and a live
 * line may wait for a worker. The end of the session outranks everything, then the line, then the session's beginning.
 */

import type { ConnectionState } from 'backtest-stream'
import { formatAge, formatCount } from '../numbers.ts'

export type StatusKind =
  | 'queued'
  | 'connecting'
  | 'live'
  | 'reconnecting'
  | 'refused'
  | 'completed'
  | 'failed'
  | 'cancelled'

export interface SessionStatus {
  readonly kind: StatusKind
  /** The word in the badge. */
  readonly word: string
  /** The rest of the line: changes all the time while the session is live. */
  readonly detail: string
  /** What a screen reader is told; changes only with the kind. */
  readonly announcement: string
}

export interface StatusFacts {
  readonly connection: Pick<ConnectionState, 'phase' | 'retryAt' | 'reason'>
  /** How the session ended, as far as the page knows; null while it has not. */
  readonly ended: 'completed' | 'failed' | 'cancelled' | null
  readonly error: string | null
  /** Ticks that came; 0 before the first. */
  readonly tick: number
  /** Null until the market data was read. */
  readonly totalTicks: number | null
  /** Milliseconds since the newest tick came; null before the first. */
  readonly age: number | null
  /** On the clock of `connection.retryAt`. */
  readonly now: number
}

export function sessionStatus(facts: StatusFacts): SessionStatus {
  if (facts.ended !== null) return endStatus(facts, facts.ended)
  switch (facts.connection.phase) {
    case 'waiting':
      return waitingStatus(facts)
    case 'refused':
    case 'closed':
      return status('refused', 'Not connected', facts.connection.reason ?? 'The stream was closed.')
    case 'idle':
    case 'connecting':
      return status('connecting', 'Connecting', facts.tick > 0 ? progressWords(facts) : '')
    case 'ended':
      return status('completed', 'Ended', progressWords(facts))
    case 'open':
      return openStatus(facts)
  }
}

/** "tick 13,204 / 22,351". */
export function progressWords({ tick, totalTicks }: Pick<StatusFacts, 'tick' | 'totalTicks'>): string {
  return `tick ${formatCount(tick)}${totalTicks === null ? '' : ` / ${formatCount(totalTicks)}`}`
}

function openStatus(facts: StatusFacts): SessionStatus {
  if (facts.tick === 0) return status('queued', 'Queued', 'waiting for a worker')
  const age = facts.age === null ? '' : ` · ${formatAge(facts.age)} ago`
  return { ...status('live', 'Live', progressWords(facts) + age), announcement: 'The session is live.' }
}

function waitingStatus(facts: StatusFacts): SessionStatus {
  const seconds = Math.max(0, Math.ceil(((facts.connection.retryAt ?? facts.now) - facts.now) / 1000))
  const reason = facts.connection.reason ?? 'The connection was lost.'
  return {
    kind: 'reconnecting',
    word: 'Reconnecting',
    detail: `in ${seconds} s · ${reason}`,
    announcement: `${reason} The page reconnects by itself.`,
  }
}

function endStatus(facts: StatusFacts, ended: 'completed' | 'failed' | 'cancelled'): SessionStatus {
  const words = { completed: 'Completed', failed: 'Failed', cancelled: 'Cancelled' } as const
  const sentence = ended === 'failed' && facts.error !== null ? `${progressWords(facts)} · ${facts.error}` : progressWords(facts)
  return status(ended, words[ended], sentence)
}

function status(kind: StatusKind, word: string, detail: string): SessionStatus {
  return { kind, word, detail, announcement: detail === '' ? `${word}.` : `${word}: ${detail}.` }
}
