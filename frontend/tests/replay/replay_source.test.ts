import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { EMPTY_STATE } from 'backtest-stream'
import { ReplaySource } from '../../src/replay/replay_source.ts'

/** A server that answers with this status, and the ticks that it was asked for. */
function server(status: { now: number }): number[] {
  const asked: number[] = []
  vi.stubGlobal('fetch', (url: string) => {
    const tick = /state\/\?tick=(\d+)/.exec(url)?.[1]
    if (tick !== undefined) asked.push(Number(tick))
    const document = tick === undefined ? { events: [] } : { ...EMPTY_STATE, tick: Number(tick) }
    return Promise.resolve(new Response(JSON.stringify(document), { status: status.now }))
  })
  return asked
}

/** A page that draws whenever there is an answer, as the session's does. */
function drawing(tick: number): ReplaySource {
  const source: ReplaySource = new ReplaySource('/api/sessions/s/', '', () => void source.stateAt(tick, 1_000))
  source.stateAt(tick, 1_000)
  return source
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

test('a server that cannot answer is asked again once a second, not as fast as it fails', async () => {
  const status = { now: 503 }
  const asked = server(status)

  const source = drawing(7)
  await vi.advanceTimersByTimeAsync(2_500)
  expect(asked).toEqual([7, 7, 7])
  expect(source.fault).toBe('The server answered 503.')
  status.now = 200
  await vi.advanceTimersByTimeAsync(1_000)

  expect(source.fault).toBeNull()
  expect(source.stateAt(7, 1_000)).toMatchObject({ diagnostics: EMPTY_STATE.diagnostics })
})

test('another moment is asked for at once, and a refusal is not asked again', async () => {
  const status = { now: 403 }
  const asked = server(status)

  const source = drawing(7)
  await vi.advanceTimersByTimeAsync(5_000)
  expect(asked).toEqual([7])
  expect(source.isRefused).toBe(true)
  source.stateAt(8, 1_000)

  expect(asked).toEqual([7, 8])
})
