/** The hook in React 18 and 19, against a real HTTP server. */

import { StrictMode, useEffect, type ReactNode } from 'react'
import * as React from 'react'
import { createRoot, type Root } from 'react-dom/client'
import { renderToString } from 'react-dom/server'
import { afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest'
import { useBacktestSSE, type BacktestSSEOptions, type SessionView } from '../../src/react/index.ts'
import { NOTHING_SEEN } from '../../src/session_store.ts'
import { emptySnapshot, SessionServer, snapshot, SUMMARY } from './session_server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    reactMajor: string
  }
}

const TRADE_SUMMARY = { ...SUMMARY, total_trades: 1, total_pnl: '29.25', winning_trades: 1, win_rate: '100.00' }

let server: SessionServer
let root: Root
/** Every view that was rendered and kept, oldest first. */
let views: SessionView[]

beforeEach(async () => {
  server = new SessionServer()
  await server.start()
  root = createRoot(document.body.appendChild(document.createElement('div')))
  views = []
})

afterEach(async () => {
  root.unmount()
  await server.stop()
})

function Monitor({ sessionId, options }: { sessionId: string | null; options?: BacktestSSEOptions }): ReactNode {
  const view = useBacktestSSE(sessionId, options ?? { baseUrl: server.url })
  useEffect(() => {
    views.push(view)
  }, [view])
  return view.status
}

function last(): SessionView {
  return views.at(-1) ?? NOTHING_SEEN
}

function tick(number: number): Record<string, unknown> {
  return { tick: number, timestamp: `2024-10-29 09:15:${number}+05:30`, open_positions: [] }
}

async function until(assertion: () => void): Promise<void> {
  await vi.waitFor(assertion, { timeout: 5_000, interval: 5 })
}

async function quiet(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 150))
}

it('runs on the React that the project names', () => {
  expect(React.version.split('.')[0]).toBe(inject('reactMajor'))
})

describe('following a session', () => {
  it('shows nothing before the first event', async () => {
    root.render(<Monitor sessionId="a" />)

    await until(() => expect(last().status).toBe('open'))
    expect(last()).toEqual({ ...NOTHING_SEEN, status: 'open' })
    expect(server.requests.map(({ path, cursor }) => [path, cursor])).toEqual([['/api/backtest/a/stream', null]])
  })

  it('adds up what comes, and knows how it ended (S4)', async () => {
    server.append('initial_state', emptySnapshot())
    root.render(<Monitor sessionId="a" />)
    await until(() => expect(last().diagnostics).toEqual({ events_history: {}, current_state: null }))

    server.append('tick_update', tick(1))
    server.append('node_event', { execution_id: 'x-1', node_id: 'n', signal_emitted: true })
    server.append('trade_update', { trade: { trade_id: 't-1' }, summary: TRADE_SUMMARY })
    await until(() => expect(last().lastEventId).toBe(3))

    expect(last().currentTick).toEqual({ event_id: 1, session_id: 'tested', ...tick(1) })
    expect(last().diagnostics?.current_state).toBe(last().currentTick)
    expect(last().diagnostics?.events_history).toEqual({
      'x-1': { execution_id: 'x-1', node_id: 'n', signal_emitted: true },
    })
    expect(last().trades).toEqual({ date: 'd', summary: TRADE_SUMMARY, trades: [{ trade_id: 't-1' }] })
    expect(last().completion).toBeNull()
    const final = { events_history: {}, current_state: { event_id: 1, ...tick(1) } }
    const ending = { status: 'failed', total_ticks: 1, error: 'The market closed.' }
    server.append('backtest_complete', { ...snapshot(final, { date: 'd', summary: SUMMARY, trades: [] }), ...ending })
    await until(() => expect(last().status).toBe('ended'))
    expect(last()).toEqual({
      diagnostics: final,
      trades: { date: 'd', summary: SUMMARY, trades: [] },
      currentTick: final.current_state,
      lastEventId: 4,
      completion: ending,
      status: 'ended',
      reason: null,
    })
    await quiet()
    expect(server.requests).toHaveLength(1)
  })

  it('paints a burst of events a few times, not once for each', async () => {
    server.append('initial_state', emptySnapshot())
    root.render(<Monitor sessionId="a" />)
    await until(() => expect(last().status).toBe('open'))
    const before = views.length

    for (let number = 1; number <= 2_000; number += 1) server.append('tick_update', tick(number))
    await until(() => expect(last().lastEventId).toBe(2_000))

    expect(views.length - before).toBeLessThan(100)
  })

  it('says that there is no such session, and does not ask again', async () => {
    server.status = 404
    root.render(<Monitor sessionId="a" />)

    await until(() => expect(last().status).toBe('refused'))
    expect(last().reason).toBe('There is no such session, or you may not see it.')
    await quiet()
    expect(server.requests).toHaveLength(1)
  })

  it('follows nothing while there is no session id', async () => {
    root.render(<Monitor sessionId={null} />)
    await quiet()

    expect(views).toEqual([NOTHING_SEEN])
    expect(server.requests).toEqual([])
  })

  it('escapes the session id and asks with the fetch that it is given', async () => {
    const signed: typeof fetch = (input, init) => {
      const headers = new Headers(init?.headers)
      headers.set('Authorization', 'Bearer token')
      return fetch(input, { ...init, headers })
    }
    root.render(<Monitor sessionId="a/../b c" options={{ baseUrl: `${server.url}/`, fetch: signed }} />)

    await until(() => expect(last().status).toBe('open'))
    expect(server.requests.map(({ path, headers }) => [path, headers.authorization])).toEqual([
      ['/api/backtest/a%2F..%2Fb%20c/stream', 'Bearer token'],
    ])
  })
})

describe('resuming', () => {
  it('goes on after a restart of the server: nothing is lost, nothing counts twice (S8, S9)', async () => {
    server.append('initial_state', emptySnapshot())
    server.append('trade_update', { trade: { trade_id: 't-1' }, summary: TRADE_SUMMARY })
    root.render(<Monitor sessionId="a" />)
    await until(() => expect(last().lastEventId).toBe(1))

    await server.stop()
    await until(() => expect(last().status).toBe('waiting'))
    expect(last().reason).not.toBeNull()
    expect(last().trades?.trades).toHaveLength(1)
    server.append('trade_update', { trade: { trade_id: 't-2' }, summary: TRADE_SUMMARY })
    await server.start()

    await until(() => expect(last().lastEventId).toBe(2))
    expect(last().status).toBe('open')
    expect(last().reason).toBeNull()
    expect(last().trades?.trades).toEqual([{ trade_id: 't-1' }, { trade_id: 't-2' }])
    expect(server.requests.map(({ cursor }) => cursor)).toEqual([null, '1'])
  })

  it('starts afresh after a message that cannot be read', async () => {
    server.append('initial_state', emptySnapshot())
    root.render(<Monitor sessionId="a" />)
    await until(() => expect(last().status).toBe('open'))

    server.writeToAll('event: initial_state\ndata: {"event_id":7,"diagnostics":"?","trades":"?"}\nid: 7\n\n')

    await until(() => expect(server.requests.map(({ cursor }) => cursor)).toEqual([null, null]))
    await until(() => expect(last()).toMatchObject({ status: 'open', lastEventId: 0 }))
  })

  it('resumes where it was when an effect is taken away and put back', async () => {
    server.append('initial_state', emptySnapshot())
    const { SessionStore } = await import('../../src/session_store.ts')
    const store = new SessionStore({ url: `${server.url}/api/backtest/a/stream` })
    const leave = store.subscribe(() => undefined)
    await until(() => expect(store.getView().lastEventId === 0 && store.getView().diagnostics).toBeTruthy())
    leave()
    leave()
    await until(() => expect(server.openStreams).toBe(0))
    server.append('tick_update', tick(1))

    const leaveAgain = store.subscribe(() => undefined)

    await until(() => expect(store.getView().lastEventId).toBe(1))
    expect(server.requests.map(({ cursor }) => cursor)).toEqual([null, '0'])
    leaveAgain()
  })
})

describe('the life of a component', () => {
  it('asks once in strict mode, and holds one stream', async () => {
    server.append('initial_state', emptySnapshot())
    // The server alone would not tell: a request that is taken back at once may never be sent.
    const counted = vi.fn(fetch)
    root.render(
      <StrictMode>
        <Monitor sessionId="a" options={{ baseUrl: server.url, fetch: counted }} />
      </StrictMode>,
    )

    await until(() => expect(last().diagnostics).not.toBeNull())
    await quiet()
    expect(counted).toHaveBeenCalledTimes(1)
    expect(server.openStreams).toBe(1)
  })

  it('closes the stream when it is unmounted', async () => {
    root.render(<Monitor sessionId="a" />)
    await until(() => expect(server.openStreams).toBe(1))

    root.unmount()

    await until(() => expect(server.openStreams).toBe(0))
    await quiet()
    expect(server.requests).toHaveLength(1)
  })

  it('does not come back when it is unmounted while it waits for the server', async () => {
    await server.stop()
    root.render(<Monitor sessionId="a" />)
    await until(() => expect(last().status).toBe('waiting'))

    root.unmount()
    await server.start()

    await new Promise((resolve) => setTimeout(resolve, 2_500))
    expect(server.requests).toEqual([])
  })

  it('does not ask when it is unmounted at once', async () => {
    root.render(<Monitor sessionId="a" />)
    root.unmount()
    await quiet()

    expect(server.openStreams).toBe(0)
  })

  it('leaves the old session for another, and shows nothing of the old one', async () => {
    server.append('initial_state', emptySnapshot())
    root.render(<Monitor sessionId="a" />)
    await until(() => expect(last().diagnostics).not.toBeNull())
    views = []

    root.render(<Monitor sessionId="b" />)

    await until(() => expect(last().diagnostics).not.toBeNull())
    expect(views[0]).toEqual(NOTHING_SEEN)
    expect(server.requests.map(({ path, cursor }) => [path, cursor])).toEqual([
      ['/api/backtest/a/stream', null],
      ['/api/backtest/b/stream', null],
    ])
    await until(() => expect(server.openStreams).toBe(1))
  })

  it('keeps its stream when it is rendered again with other options of the same address', async () => {
    root.render(<Monitor sessionId="a" />)
    await until(() => expect(last().status).toBe('open'))

    for (let turn = 0; turn < 5; turn += 1) root.render(<Monitor sessionId="a" options={{ baseUrl: server.url }} />)
    await quiet()

    expect(server.requests).toHaveLength(1)
  })

  it('renders on a server without asking for anything', async () => {
    expect(renderToString(<Monitor sessionId="a" />)).toBe('idle')
    await quiet()

    expect(server.requests).toEqual([])
  })
})
