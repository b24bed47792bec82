import { describe, expect, test } from 'vitest'
import * as playhead from '../../src/replay/playhead.ts'
import { AT_NEWEST, SPEEDS, type Playhead } from '../../src/replay/playhead.ts'

const at = (tick: number, change: Partial<Playhead> = {}): Playhead => ({ ...AT_NEWEST, tick, ...change })

describe('the playhead', () => {
  test('follows the newest tick until the reader looks at another', () => {
    expect(playhead.tickShown(AT_NEWEST, 500)).toBe(500)
    expect(playhead.tickShown(playhead.seek(AT_NEWEST, 120, 500), 500)).toBe(120)
    expect(playhead.goLive(at(120))).toEqual(AT_NEWEST)
  })

  test.each([[-5, 1], [0, 1], [900, 500], [77.6, 78]])('never leaves the day: %d', (wish, tick) => {
    expect(playhead.seek(AT_NEWEST, wish, 500).tick).toBe(tick)
  })

  test('stands still after a step', () => {
    expect(playhead.step(at(100, { isPlaying: true }), -60, 500)).toEqual(at(40))
    expect(playhead.step(AT_NEWEST, -1, 500).tick).toBe(499)
  })

  test('Space holds a live session, plays from a held moment, and a finished day from its beginning', () => {
    expect(playhead.toggle(AT_NEWEST, 500, false)).toEqual(at(500))
    expect(playhead.toggle(at(200), 500, false)).toEqual(at(200, { isPlaying: true }))
    expect(playhead.toggle(AT_NEWEST, 500, true)).toEqual(at(1, { isPlaying: true }))
    expect(playhead.toggle(at(200, { isPlaying: true }), 500, true)).toEqual(at(200))
  })

  test.each([[1, 1], [10, 10], [60, 60], [600, 600], ['max', 3600]] as const)('at %s passes %d ticks a second', (speed, ticks) => {
    let head = at(1, { isPlaying: true, speed })
    for (let frame = 0; frame < 60; frame += 1) head = playhead.advance(head, 1000 / 60, 100_000)

    expect(Math.abs((head.tick ?? 0) - 1 - ticks)).toBeLessThanOrEqual(1)
  })

  test('follows the newest tick once it has reached it', () => {
    expect(playhead.advance(at(495, { isPlaying: true }), 1000, 500)).toEqual(AT_NEWEST)
    expect(playhead.advance(at(495), 1000, 500)).toEqual(at(495))
  })

  test('has five speeds and stays at the last one', () => {
    const faster = SPEEDS.map((_speed, place) => place).reduce((head) => playhead.changedSpeed(head, 1), AT_NEWEST)
    expect(faster.speed).toBe('max')
    expect(playhead.changedSpeed(playhead.withSpeed(AT_NEWEST, 1), -1).speed).toBe(1)
  })

  test('jumps to the trade before and after', () => {
    expect([playhead.neighbour([5, 9, 12], 9, 1), playhead.neighbour([5, 9, 12], 9, -1)]).toEqual([12, 5])
    expect([playhead.neighbour([5, 9, 12], 12, 1), playhead.neighbour([], 9, -1)]).toEqual([null, null])
  })
})

test('a frame that began before the playing did moves nothing', () => {
  const head = { ...AT_NEWEST, tick: 1, isPlaying: true, speed: 'max' } as const

  expect(playhead.advance(head, -4, 1_000)).toEqual(head)
})
