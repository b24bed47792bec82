'use client'

/** The React side of `backtest-stream`: one hook that follows a session. */

import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react'
import { NOTHING_SEEN, SessionStore, streamUrl, type SessionView } from '../session_store.ts'

export type { Completion, SessionView } from '../session_store.ts'

export interface BacktestSSEOptions {
  /** The server of the stream, for instance "https://backtests.example"; empty for the page's own. */
  readonly baseUrl?: string
  /** Used in place of the platform's own, for instance to add a header. The newest one counts at the next connect. */
  readonly fetch?: typeof globalThis.fetch
}

/**
 * Follow a session while the component is mounted.
 *
 * The stream resumes by itself after a cut or a server's restart. Each component that calls the hook has a stream of its
 * own: call it once and hand the view down.
 *
 * @param sessionId Null follows nothing. Another id shows nothing of the old session from the first render on.
 */
export function useBacktestSSE(sessionId: string | null, options: BacktestSSEOptions = {}): SessionView {
  const newestFetch = useRef(options.fetch)
  useEffect(() => {
    newestFetch.current = options.fetch
  })
  const url = sessionId === null ? null : streamUrl(sessionId, options.baseUrl)
  const store = useMemo(() => {
    if (url === null) return null
    return new SessionStore({ url, fetch: (...request) => (newestFetch.current ?? globalThis.fetch)(...request) })
  }, [url])
  return useSyncExternalStore(store?.subscribe ?? followNothing, store?.getView ?? viewOfNothing, viewOfNothing)
}

const followNothing = (): (() => void) => () => undefined
const viewOfNothing = (): SessionView => NOTHING_SEEN
