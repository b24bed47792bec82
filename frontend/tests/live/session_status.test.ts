import { describe, expect, test } from 'vitest'
import { sessionStatus, type StatusFacts } from '../../src/live/session_status.ts'

const LIVE: StatusFacts = {
  connection: { phase: 'open', reason: null },
  retryIn: null,
  news: { resumedFrom: null, startedAfresh: null, caughtUp: null, silentFor: null },
  ended: null,
  error: null,
  tick: 13_204,
  totalTicks: 22_351,
  time: '12:55:04',
  age: 200,
  queuePosition: null,
}
const NEWS = LIVE.news

function words(change: Partial<StatusFacts>): string {
  const { word, detail } = sessionStatus({ ...LIVE, ...change })
  return `${word}: ${detail}`
}

describe('freshness in words', () => {
  test.each<[Partial<StatusFacts>, string]>([
    [{}, 'Live: tick 13,204 / 22,351 · 12:55:04 IST · 0.2 s ago'],
    [{ totalTicks: null, age: null, time: '' }, 'Live: tick 13,204'],
    [{ tick: 0, age: null }, 'Queued: waiting for a worker'],
    [{ tick: 0, queuePosition: 1 }, 'Queued: one session is before it'],
    [{ tick: 0, queuePosition: 12 }, 'Queued: 12 sessions are before it'],
    [{ tick: 0, connection: { phase: 'connecting', reason: null } }, 'Connecting: '],
    [
      { connection: { phase: 'waiting', reason: 'The server cannot be reached.' }, retryIn: 2_400 },
      'Offline: next attempt in 3 s · The server cannot be reached.',
    ],
    [{ connection: { phase: 'refused', reason: 'No such session.' } }, 'Not connected: No such session.'],
    [{ news: { ...NEWS, resumedFrom: 13_000 } }, 'Resumed: from tick 13,000 · tick 13,204 / 22,351 · 12:55:04 IST · 0.2 s ago'],
    [{ news: { ...NEWS, caughtUp: 0.419 } }, 'Replaying: catching up, 41 % · tick 13,204 / 22,351 · 12:55:04 IST · 0.2 s ago'],
    [{ news: { ...NEWS, silentFor: 38_000 } }, 'Stale: nothing for 38 s · tick 13,204 / 22,351 · 12:55:04 IST · 0.2 s ago'],
    [{ ended: 'completed', tick: 22_351 }, 'Completed: tick 22,351 / 22,351'],
    [{ ended: 'failed', error: 'A price is missing.' }, 'Failed: tick 13,204 / 22,351 · A price is missing.'],
    [{ ended: 'cancelled' }, 'Cancelled: tick 13,204 / 22,351'],
  ])('%o', (change, expected) => {
    expect(words(change)).toBe(expected)
  })

  test('the end outranks a line that is down', () => {
    expect(words({ ended: 'completed', connection: { phase: 'waiting', reason: 'x' } })).toMatch(/^Completed/)
  })

  test('a screen reader is not told of every tick', () => {
    const announcements = [1, 2, 3].map((tick) => sessionStatus({ ...LIVE, tick }).announcement)

    expect(new Set(announcements).size).toBe(1)
  })
})
