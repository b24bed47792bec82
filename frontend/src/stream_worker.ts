/**
 * The shared worker: holds one connection to each session that any tab watches, and tells all of those tabs.
 */

import type { FeedMessage, FeedRequest } from './live/feed.ts'
import { SessionFeed } from './live/session_feed.ts'

const feeds = new Map<string, SessionFeed>()

function follow(port: MessagePort): void {
  let url: string | null = null
  let leave: (() => void) | null = null
  const depart = (): void => {
    leave?.()
    leave = null
  }
  port.onmessage = (event: MessageEvent<FeedRequest>) => {
    const request = event.data
    switch (request.kind) {
      case 'follow':
        depart()
        url = request.url
        leave = feedOf(url).join((message: FeedMessage) => port.postMessage(message))
        if (request.lock !== null) void navigator.locks.request(request.lock, depart)
        break
      case 'retry':
        if (url !== null) feeds.get(url)?.retryNow()
        break
      case 'leave':
        depart()
        break
    }
  }
}

function feedOf(url: string): SessionFeed {
  let feed = feeds.get(url)
  if (feed === undefined) feeds.set(url, (feed = new SessionFeed(url, () => feeds.delete(url))))
  return feed
}

// TypeScript's page and worker libraries cannot be used together; this is all that is needed of the worker's.
addEventListener('connect', (event) => {
  const port = (event as MessageEvent).ports[0]
  if (port !== undefined) follow(port)
})
