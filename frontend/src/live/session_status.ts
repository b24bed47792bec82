/**
 * What the page says about how fresh it is: one state in words, for the eye and for the screen reader.
 *
 * What the session does and what the line does are two things: a session may have ended while the line is down, and a live
 * line may wait for a worker. The end of the session outranks everything, then the line, then the session's beginning.
 * What the reader does is a third: one who looks at an earlier tick still reads here whether the session goes on.
 */

import { formatAge, formatCount } from '../numbers.ts'
import type { Line } from './feed.ts'
import type { LineNews } from './line_history.ts'

export type StatusKind =
  | 'queued'
  | 'connecting'
  | 'catching_up'
  | 'live'
  | 'resumed'
  | 'stale'
  | 'offline'
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
  readonly connection: Pick<Line, 'phase' | 'reason'>
  /** Milliseconds until the next attempt; null while none is due. */
  readonly retryIn: number | null
  readonly news: LineNews
  /** How the session ended, as far as the page knows; null while it has not. */
  readonly ended: 'completed' | 'failed' | 'cancelled' | null
  readonly error: string | null
  /** Ticks that came; 0 before the first. */
  readonly tick: number
  /** Null until the market data was read. */
  readonly totalTicks: number | null
  /** Exchange time of that tick, "12:55:04"; empty before the first. */
  readonly time: string
  /** Milliseconds since the newest tick came; null before the first. */
  readonly age: number | null
  /** Sessions before this one in the queue; null where it is not known. */
  readonly queuePosition: number | null
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
  const { news } = facts
  if (facts.tick === 0) return status('queued', 'Queued', queueWords(facts.queuePosition))
  const time = facts.time === '' ? '' : ` · ${facts.time} IST`
  const detail = `${progressWords(facts)}${time}${facts.age === null ? '' : ` · ${formatAge(facts.age)} ago`}`
  if (news.silentFor !== null) {
    return { ...status('stale', 'Stale', `nothing for ${formatAge(news.silentFor)} · ${detail}`), announcement: STALE }
  }
  if (news.caughtUp !== null) {
    const share = `catching up, ${Math.floor(news.caughtUp * 100)} %`
    return { ...status('catching_up', 'Replaying', `${share} · ${detail}`), announcement: 'Catching up with the session.' }
  }
  if (news.resumedFrom !== null) {
    const words = `from tick ${formatCount(news.resumedFrom)}`
    return { ...status('resumed', 'Resumed', `${words} · ${detail}`), announcement: `Resumed ${words}.` }
  }
  return { ...status('live', 'Live', detail), announcement: 'The session is live.' }
}

const STALE = 'The line has been silent for longer than it should be.'

function queueWords(before: number | null): string {
  if (before === null || before === 0) return 'waiting for a worker'
  return before === 1 ? 'one session is before it' : `${formatCount(before)} sessions are before it`
}

function waitingStatus(facts: StatusFacts): SessionStatus {
  const seconds = Math.ceil(Math.max(0, facts.retryIn ?? 0) / 1000)
  const reason = facts.connection.reason ?? 'The connection was lost.'
  return {
    kind: 'offline',
    word: 'Offline',
    detail: `next attempt in ${seconds} s · ${reason}`,
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
