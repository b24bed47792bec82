/**
 * The face of each panel: live, or why what it shows is not the whole truth of this moment.
 *
 * Pure. A panel lives on the stream, and on questions of its own: the moment that the reader looks at, the day's series,
 * the memory of a node. What is wrong with one of them is said by the panels that live on it, and by no other.
 */

import { formatAge } from '../numbers.ts'
import { isRefusal, type AnswerState } from './answers.ts'
import type { Line } from './feed.ts'

export type Face = 'live' | 'empty' | 'loading' | 'stale' | 'error' | 'forbidden'

export interface PanelFace {
  readonly face: Face
  /** What the panel says about it; empty where it has words of its own. */
  readonly words: string
}

export interface StreamFacts {
  readonly line: Pick<Line, 'phase' | 'reason' | 'status'>
  /** Whether the stream has told anything. */
  readonly hasBegun: boolean
  readonly hasEnded: boolean
  /** Whether the session has a tick, told by the stream or known when the page was made. */
  readonly hasTick: boolean
  /** Milliseconds of silence, where it is too long for a line that is alive; else null. */
  readonly silentFor: number | null
}

/** How the moment stands that the reader looks at. */
export interface MomentFacts {
  readonly isFollowing: boolean
  readonly isExact: boolean
  /** Why it cannot be shown, as a sentence; null where it can. */
  readonly fault: string | null
  readonly isRefused: boolean
}

const LIVE: PanelFace = { face: 'live', words: '' }
const NOT_THIS_MOMENT = 'Still shows another moment: the one that is asked for cannot be read.'

export function streamFace({ line, hasBegun, hasEnded, hasTick, silentFor }: StreamFacts): PanelFace {
  // What has ended does not become old, whatever becomes of the line.
  if (hasEnded && (hasBegun || line.phase === 'ended')) return hasTick ? LIVE : empty('It ended before its first tick.')
  switch (line.phase) {
    case 'refused':
      return { face: isRefusal(line.status) ? 'forbidden' : 'error', words: line.reason ?? 'The stream was refused.' }
    case 'waiting':
    case 'closed':
      return hasBegun ? stale('Not up to date: the line is down.') : { face: 'error', words: line.reason ?? 'The line is down.' }
    case 'idle':
    case 'connecting':
      return hasBegun ? stale('Not up to date: the line is being opened again.') : loading('Reading the session …')
    case 'open':
    case 'ended':
      if (silentFor !== null) return stale(`Not up to date: nothing has come for ${formatAge(silentFor)}.`)
      if (!hasTick) return empty('No tick yet.')
      return hasBegun ? LIVE : loading('Reading the session …')
  }
}

/** Of a panel that shows the moment that is looked at. */
export function momentFace(stream: PanelFace, moment: MomentFacts): PanelFace {
  if (moment.isFollowing) return stream
  if (moment.isRefused) return { face: 'forbidden', words: moment.fault ?? '' }
  if (moment.fault !== null) return stale(NOT_THIS_MOMENT)
  if (!moment.isExact) return loading('Reading this moment …')
  return LIVE
}

/** Of the bar with which the moment is chosen: it is the one that says what is wrong with it. */
export function transportFace(stream: PanelFace, moment: MomentFacts): PanelFace {
  const face = momentFace(stream, moment)
  if (moment.isFollowing || moment.fault === null) return face
  return { face: moment.isRefused ? 'forbidden' : 'error', words: `This moment cannot be shown: ${moment.fault}` }
}

/** Of a panel with a question of its own, whose fault it tells in words of its own. */
export function askingFace(shown: PanelFace, answer: AnswerState): PanelFace {
  if (answer === 'refused') return { face: 'forbidden', words: '' }
  // Where the line is down, a question that fails fails with it: one fault, told once.
  if (answer === 'failed' && shown.face !== 'stale') return { face: 'error', words: '' }
  if (answer === 'reading' && shown.face === 'live') return loading('Reading …')
  return shown
}

function empty(words: string): PanelFace {
  return { face: 'empty', words }
}

function loading(words: string): PanelFace {
  return { face: 'loading', words }
}

function stale(words: string): PanelFace {
  return { face: 'stale', words }
}
