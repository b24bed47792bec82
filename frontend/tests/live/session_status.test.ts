import { describe, expect, test } from 'vitest'
import { sessionStatus, type StatusFacts } from '../../src/live/session_status.ts'

const LIVE: StatusFacts = {
  connection: { phase: 'open', retryAt: null, reason: null },
  ended: null,
  error: null,
  tick: 13_204,
  totalTicks: 22_351,
  age: 200,
  now: 1_000,
}

function words(change: Partial<StatusFacts>): string {
  const { word, detail } = sessionStatus({ ...LIVE, ...change })
  return `${word}: ${detail}`
}

describe('freshness in words', () => {
  test.each<[Partial<StatusFacts>, string]>([
    [{}, 'Live: tick 13,204 / 22,351 · 0.2 s ago'],
    [{ totalTicks: null, age: null }, 'Live: tick 13,204'],
    [{ tick: 0, age: null }, 'Queued: waiting for a worker'],
    [{ tick: 0, connection: { phase: 'connecting', retryAt: null, reason: null } }, 'Connecting: '],
    [
      { connection: { phase: 'waiting', retryAt: 3_400, reason: 'The server cannot be reached.' } },
      'Reconnecting: in 3 s · The server cannot be reached.',
    ],
    [{ connection: { phase: 'refused', retryAt: null, reason: 'No such session.' } }, 'Not connected: No such session.'],
    [{ ended: 'completed', tick: 22_351 }, 'Completed: tick 22,351 / 22,351'],
    [{ ended: 'failed', error: 'A price is missing.' }, 'Failed: tick 13,204 / 22,351 · A price is missing.'],
    [{ ended: 'cancelled' }, 'Cancelled: tick 13,204 / 22,351'],
  ])('%o', (change, expected) => {
    expect(words(change)).toBe(expected)
  })

  test('the end outranks a line that is down', () => {
    expect(words({ ended: 'completed', connection: { phase: 'waiting', retryAt: 9e9, reason: 'x' } })).toMatch(/^Completed/)
  })

  test('a screen reader is not told of every tick', () => {
    const announcements = [1, 2, 3].map((tick) => sessionStatus({ ...LIVE, tick }).announcement)

    expect(new Set(announcements).size).toBe(1)
  })
})
