/** A session's stream on a real HTTP server, small enough to be steered event by event. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'

interface StoredEvent {
  readonly event: string
  readonly data: { readonly event_id: number } & Record<string, unknown>
}

export interface SeenRequest {
  readonly path: string
  readonly cursor: string | null
  readonly headers: IncomingMessage['headers']
}

/** Keeps the log over a restart, sends what is missed after a cursor, and the first event on where there is none. */
export class SessionServer {
  readonly requests: SeenRequest[] = []
  readonly #events: StoredEvent[] = []
  readonly #open = new Set<ServerResponse>()
  #server: Server | null = null
  #port = 0
  #isFinished = false
  /** What is answered instead of a stream. */
  status = 200

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** Streams that are open now. */
  get openStreams(): number {
    return this.#open.size
  }

  get head(): number {
    return this.#events.length - 1
  }

  /** Listen; the second time on the same port. */
  async start(): Promise<void> {
    const server = createServer((request, response) => this.#answer(request, response))
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve))
    this.#port = (server.address() as AddressInfo).port
    this.#server = server
  }

  /** End at once, as a killed process does. */
  async stop(): Promise<void> {
    const server = this.#server
    this.#server = null
    if (server === null) return
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  }

  /** Append an event; its id is the next one. */
  append(event: string, payload: Record<string, unknown>): void {
    const stored = { event, data: { event_id: this.#events.length, session_id: 'tested', ...payload } }
    this.#events.push(stored)
    if (event === 'backtest_complete') this.#isFinished = true
    for (const response of this.#open) this.#write(response, [stored])
  }

  /** Write bytes that are no event of the log to whoever watches. */
  writeToAll(text: string): void {
    for (const response of this.#open) response.write(text)
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const cursor = request.headers['last-event-id'] ?? null
    this.requests.push({ path: request.url ?? '', cursor: cursor === null ? null : String(cursor), headers: request.headers })
    const missed = this.#events.slice(cursor === null ? 0 : Number(cursor) + 1)
    const isUpToDate = this.#isFinished && missed.length === 0
    if (this.status !== 200 || isUpToDate) {
      response.writeHead(isUpToDate ? 204 : this.status).end()
      return
    }
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    response.write('retry: 100\n\n: open\n\n')
    this.#open.add(response)
    response.on('close', () => this.#open.delete(response))
    this.#write(response, missed)
  }

  #write(response: ServerResponse, events: readonly StoredEvent[]): void {
    const frames = events.map(({ event, data }) => `event: ${event}\ndata: ${JSON.stringify(data)}\nid: ${data.event_id}\n\n`)
    response.write(frames.join(''))
    if (events.at(-1)?.event === 'backtest_complete') response.end()
  }
}

export const SUMMARY = { total_trades: 0, total_pnl: '0.00', winning_trades: 0, losing_trades: 0, win_rate: '0.00' }

/** A payload with both documents packed. */
export function snapshot(diagnostics: unknown, trades: unknown): Record<string, unknown> {
  return { diagnostics: pack(diagnostics), trades: pack(trades), strategy_id: 's', start_date: 'd', end_date: 'd' }
}

export function emptySnapshot(): Record<string, unknown> {
  return snapshot({ events_history: {}, current_state: null }, { date: 'd', summary: SUMMARY, trades: [] })
}

function pack(document: unknown): string {
  return gzipSync(JSON.stringify(document)).toString('base64')
}
