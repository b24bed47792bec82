/** A React page for tests: follows the session that its address names, with the hook that its address names. */

import { StrictMode, useEffect, type ReactNode } from 'react'
import { createRoot } from 'react-dom/client'
import { useBacktestSSE as usePublishedHook } from 'backtest-stream/react'
import { useBacktestSSE as useDesignHook } from './design_hook.ts'

/** What the test reads: every view that was painted, oldest first, without its documents but for the newest. */
interface Watched {
  newest: unknown
  readonly lastEventIds: number[]
  readonly statuses: string[]
}

const watched: Watched = { newest: null, lastEventIds: [], statuses: [] }
Object.assign(globalThis, { watched })

function Published({ sessionId }: { readonly sessionId: string }): ReactNode {
  const view = usePublishedHook(sessionId)
  useEffect(() => {
    watched.newest = view
    watched.lastEventIds.push(view.lastEventId)
    if (watched.statuses.at(-1) !== view.status) watched.statuses.push(view.status)
  }, [view])
  return <p id="status">{view.status}</p>
}

function Design({ sessionId }: { readonly sessionId: string }): ReactNode {
  const view = useDesignHook(sessionId)
  useEffect(() => {
    watched.newest = view
    watched.lastEventIds.push(view.lastEventId)
  }, [view])
  return <p id="status">{view.lastEventId}</p>
}

const query = new URLSearchParams(location.search)
const sessionId = query.get('session') ?? ''
const root = createRoot(document.getElementById('root')!)
if (query.get('hook') === 'design') root.render(<Design sessionId={sessionId} />)
else
  root.render(
    <StrictMode>
      <Published sessionId={sessionId} />
    </StrictMode>,
  )
