import { beforeEach, describe, expect, test } from 'vitest'
import { LineHistory, STALE_MS } from '../../src/live/line_history.ts'

const OPEN = (mode: 'snapshot' | 'replay' | 'live', head: number | null) => ({ phase: 'open', answer: { mode, head } }) as const
const DOWN = { phase: 'waiting', answer: null } as const

describe('the line', () => {
  let line: LineHistory
  beforeEach(() => {
    line = new LineHistory()
    line.note(OPEN('snapshot', 10), 0, -1, 0)
  })

  test('has no news when it is first opened', () => {
    expect(line.news(10, 100)).toEqual({ resumedFrom: null, startedAfresh: null, caughtUp: null, silentFor: null })
  })

  test('S6: says for five seconds from where it went on', () => {
    line.note(DOWN, 500, 510, 1_000)
    line.note(OPEN('replay', 540), 500, 510, 2_000)

    expect([line.news(540, 2_001).resumedFrom, line.news(540, 6_999).resumedFrom, line.news(540, 7_000).resumedFrom]).toEqual([500, 500, null])
  })

  test('S6: says that it started afresh, and why, until the reader puts it away', () => {
    line.note(DOWN, 500, 510, 1_000)
    line.note(OPEN('snapshot', 9_510), 500, 510, 2_000)

    expect(line.news(9_510, 900_000).startedAfresh).toContain('missed 9,000 events')
    line.dismiss()
    expect(line.news(9_510, 900_000).startedAfresh).toBeNull()
  })

  test('S14: says how far it has caught up with a long way to go', () => {
    line.note(DOWN, 0, 0, 1_000)
    line.note(OPEN('replay', 10_000), 0, 0, 2_000)

    expect([line.news(2_500, 2_100).caughtUp, line.news(10_000, 2_200).caughtUp]).toEqual([0.25, null])
  })

  test('S15: is stale once two heartbeats have not come', () => {
    line.noteAlive(50_000)

    expect([line.news(0, 50_000 + STALE_MS).silentFor, line.news(0, 50_001 + STALE_MS).silentFor]).toEqual([null, STALE_MS + 1])
  })
})
