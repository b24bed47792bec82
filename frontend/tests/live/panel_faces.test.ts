import { expect, test } from 'vitest'
import { isRefusal, NotAnswered, sentenceOf, stateAfter } from '../../src/live/answers.ts'
import {
  askingFace,
  momentFace,
  streamFace,
  transportFace,
  type MomentFacts,
  type PanelFace,
  type StreamFacts,
} from '../../src/live/panel_faces.ts'

const line = (phase: StreamFacts['line']['phase'], reason: string | null = null, status: number | null = null): StreamFacts['line'] => ({ phase, reason, status })
const OPEN: StreamFacts = { line: line('open'), hasBegun: true, hasEnded: false, hasTick: true, silentFor: null }
const FOLLOWING: MomentFacts = { isFollowing: true, isExact: true, fault: null, isRefused: false }
const LIVE: PanelFace = { face: 'live', words: '' }

test.each<[string, Partial<StreamFacts>, PanelFace['face']]>([
  ['all is well', {}, 'live'],
  ['nothing was told yet', { hasBegun: false }, 'loading'],
  ['the line is being opened', { hasBegun: false, line: line('connecting') }, 'loading'],
  ['no worker has begun', { hasBegun: false, hasTick: false }, 'empty'],
  ['the line fell silent', { silentFor: 40_000 }, 'stale'],
  ['the line is down', { line: line('waiting', 'The server cannot be reached.') }, 'stale'],
  ['the line was never up', { hasBegun: false, line: line('waiting', 'The server answered 503.') }, 'error'],
  ['one may not see it', { hasBegun: false, line: line('refused', 'You may not see this session.', 403) }, 'forbidden'],
  ['the answer is no stream', { hasBegun: false, line: line('refused', 'The answer is not an event stream.', 200) }, 'error'],
  ['it ended, and the line is down', { hasEnded: true, line: line('waiting') }, 'live'],
  ['it ended before its first tick', { hasEnded: true, hasBegun: false, hasTick: false, line: line('ended') }, 'empty'],
])('a panel of the stream: %s', (_case, change, face) => {
  expect(streamFace({ ...OPEN, ...change }).face).toBe(face)
})

test('what one looks at is judged by its own question, not by the line', () => {
  const offline = streamFace({ ...OPEN, line: line('waiting') })
  const earlier: MomentFacts = { ...FOLLOWING, isFollowing: false }
  const failing: MomentFacts = { ...earlier, isExact: false, fault: 'The server answered 503.' }

  expect(momentFace(offline, earlier)).toEqual(LIVE)
  expect(momentFace(LIVE, { ...earlier, isExact: false }).face).toBe('loading')
  expect(momentFace(LIVE, failing).face).toBe('stale')
  expect(transportFace(LIVE, failing)).toEqual({ face: 'error', words: 'This moment cannot be shown: The server answered 503.' })
  expect(transportFace(LIVE, { ...failing, isRefused: true }).face).toBe('forbidden')
  expect(momentFace(LIVE, { ...failing, isRefused: true }).face).toBe('forbidden')
})

test('a panel with a question of its own says what became of that', () => {
  expect(askingFace(LIVE, 'read')).toEqual(LIVE)
  expect(askingFace(LIVE, 'reading').face).toBe('loading')
  expect(askingFace({ face: 'stale', words: 'x' }, 'reading').face).toBe('stale')
  expect(askingFace(LIVE, 'failed').face).toBe('error')
  expect(askingFace({ face: 'stale', words: 'x' }, 'failed').face).toBe('stale')
  expect(askingFace(LIVE, 'refused').face).toBe('forbidden')
})

test('a refusal and a failure are two things', () => {
  expect([401, 403, 404, 429, 503, null].map(isRefusal)).toEqual([true, true, true, false, false, false])
  expect([stateAfter(new NotAnswered(403)), stateAfter(new NotAnswered(503)), stateAfter(new TypeError('x'))]).toEqual(['refused', 'failed', 'failed'])
  expect(sentenceOf(new TypeError('Failed to fetch'))).toBe('The server cannot be reached.')
  expect(sentenceOf(new NotAnswered(503))).toBe('The server answered 503.')
})
