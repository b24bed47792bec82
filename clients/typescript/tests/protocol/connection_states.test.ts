import { describe, expect, test } from 'vitest'
import {
  classifyAnswer,
  LONGEST_RETRY_MS,
  NEXT_PHASES,
  nextPhase,
  retryDelayMs,
  type ConnectionHappening,
  type ConnectionPhase,
} from '../../src/protocol/connection_states.ts'

const HAPPENINGS: readonly ConnectionHappening[] = ['start', 'opened', 'lost', 'retry', 'ended', 'refused', 'close']
const PHASES = Object.keys(NEXT_PHASES) as ConnectionPhase[]

/** Every cell of the table, written out once more: phase by phase, in the order of HAPPENINGS. */
const TABLE: Record<ConnectionPhase, readonly (ConnectionPhase | null)[]> = {
  idle: ['connecting', null, null, null, null, null, 'closed'],
  connecting: [null, 'open', 'waiting', null, 'ended', 'refused', 'closed'],
  open: [null, null, 'waiting', null, 'ended', 'refused', 'closed'],
  waiting: [null, null, null, 'connecting', null, null, 'closed'],
  ended: [null, null, null, null, null, null, 'closed'],
  refused: [null, null, null, 'connecting', null, null, 'closed'],
  closed: [null, null, null, null, null, null, null],
}

describe('the table of connection phases', () => {
  test.each(PHASES)('from %s', (phase) => {
    expect(HAPPENINGS.map((happening) => nextPhase(phase, happening))).toEqual(TABLE[phase])
  })
})

describe('the wait before the next attempt', () => {
  test.each([
    { attempt: 1, serverRetryMs: 2000, chance: 0, delay: 1000 },
    { attempt: 1, serverRetryMs: 2000, chance: 1, delay: 2000 },
    { attempt: 3, serverRetryMs: 2000, chance: 1, delay: 8000 },
    { attempt: 50, serverRetryMs: 2000, chance: 1, delay: LONGEST_RETRY_MS },
    { attempt: 1, serverRetryMs: 0, chance: 1, delay: 100 },
  ])('attempt $attempt after $serverRetryMs ms with chance $chance is $delay ms', ({ delay, ...given }) => {
    expect(retryDelayMs(given.attempt, given.serverRetryMs, given.chance)).toBe(delay)
  })
})

describe('the server’s answer', () => {
  test.each([
    { status: 200, contentType: 'text/event-stream', answer: 'stream' },
    { status: 200, contentType: 'text/event-stream; charset=utf-8', answer: 'stream' },
    { status: 200, contentType: 'text/html', answer: 'refused' },
    { status: 200, contentType: null, answer: 'refused' },
    { status: 204, contentType: null, answer: 'nothing_more' },
    { status: 404, contentType: 'text/html', answer: 'refused' },
    { status: 403, contentType: null, answer: 'refused' },
    { status: 429, contentType: null, answer: 'try_again' },
    { status: 503, contentType: null, answer: 'try_again' },
  ] as const)('$status $contentType means $answer', ({ status, contentType, answer }) => {
    expect(classifyAnswer(status, contentType)).toBe(answer)
  })
})
