/**
 * Where a page's session comes from: one connection that many tabs share, or, where the browser has no shared worker, a
 * connection of the page's own. A browser opens six connections to a server at most; ten open tabs must not use them up.
 */

import type { ConnectionState, ViewerState } from 'backtest-stream'
import type { Batch } from './digest.ts'
import type { Completion } from './session_store.ts'
import { SessionFeed } from './session_feed.ts'

/** How the line is, on no clock of its own: a worker's clock is not the page's. */
export interface Line extends Omit<ConnectionState, 'retryAt'> {
  /** Milliseconds until the next attempt; null while none is due. */
  readonly retryIn: number | null
}

/** What a page is told. */
export type FeedMessage =
  /** What was there already when the page joined. */
  | { readonly kind: 'begin'; readonly state: ViewerState; readonly completion: Completion | null }
  | { readonly kind: 'batch'; readonly batch: Batch }
  | { readonly kind: 'line'; readonly line: Line }
  /** Bytes came, if only a heartbeat: the line is alive. */
  | { readonly kind: 'alive' }

/** What a page asks of the worker. */
export type FeedRequest =
  | { readonly kind: 'follow'; readonly url: string; readonly lock: string | null }
  | { readonly kind: 'retry' }
  | { readonly kind: 'leave' }

export interface Feed {
  retryNow(): void
  close(): void
}

export interface FeedPlace {
  /** Absolute path of the stream. */
  readonly url: string
  /** Of the shared worker's script. */
  readonly workerUrl: string
  /** Tabs share a worker only where they watch as the same user. */
  readonly user: string
}

type Listener = (message: FeedMessage) => void

export function openFeed(place: FeedPlace, listener: Listener): Feed {
  if (typeof SharedWorker === 'function' && place.workerUrl !== '') {
    try {
      return openShared(place, listener)
    } catch {
      // Refused, for instance in some private windows: go alone.
    }
  }
  return openOwn(place.url, listener)
}

function openOwn(url: string, listener: Listener): Feed {
  const feed = new SessionFeed(url)
  const leave = feed.join(listener)
  return { retryNow: () => feed.retryNow(), close: leave }
}

function openShared({ url, workerUrl, user }: FeedPlace, listener: Listener): Feed {
  const worker = new SharedWorker(workerUrl, { type: 'module', name: `streams of ${user}` })
  let own: Feed | null = null
  let hasHeard = false
  const ask = (request: FeedRequest): void => worker.port.postMessage(request)
  const goAlone = (): void => {
    if (own === null && !hasHeard) own = openOwn(url, listener)
  }
  worker.port.onmessage = (event: MessageEvent<FeedMessage>) => {
    if (own !== null) return
    hasHeard = true
    listener(event.data)
  }
  // The script could not be loaded: this tab's own connection does the same.
  worker.onerror = goAlone
  void holdLock().then((lock) => ask({ kind: 'follow', url, lock }))
  return {
    retryNow: () => (own === null ? ask({ kind: 'retry' }) : own.retryNow()),
    close: () => (own === null ? ask({ kind: 'leave' }) : own.close()),
  }
}

/**
 * Hold a lock for as long as this tab lives, and return its name. A tab that crashes says no goodbye, but its lock is let
 * go, and that the worker notices. Null where the page is not a secure context: there is no lock then.
 */
async function holdLock(): Promise<string | null> {
  if (!('locks' in navigator)) return null
  const name = `tab ${crypto.randomUUID()}`
  await new Promise<void>((held) => {
    void navigator.locks.request(name, () => {
      held()
      return new Promise<never>(() => undefined)
    })
  })
  return name
}
