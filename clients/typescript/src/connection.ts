/**
 * A connection to a session's stream that resumes where it was cut.
 *
 * The only module of the client that touches fetch and timers. It reads with fetch rather than with EventSource, so
 * that the cursor travels in the `Last-Event-ID` header, an error keeps its status, and the wait before the next attempt
 * can be shown. It understands frames, not messages: give it `onFrames`.
 */

import { FrameParser, type Frame } from './protocol/frames.ts'
import {
  classifyAnswer,
  nextPhase,
  retryDelayMs,
  type ConnectionHappening,
  type ConnectionPhase,
} from './protocol/connection_states.ts'
import { readStreamAnswer, type StreamAnswer } from './protocol/stream_answers.ts'

/** Longer than two heartbeats of the server (15 s ± 20 %): after that the line is taken for dead. */
const SILENCE_LIMIT_MS = 40_000
const DEFAULT_RETRY_MS = 2_000

export interface ConnectionState {
  readonly phase: ConnectionPhase
  /** Attempts that failed since the stream was last open. */
  readonly failures: number
  /** When the next attempt is due, on the clock of `performance.now()`; null outside `waiting`. */
  readonly retryAt: number | null
  /** Why the stream is not open, as a sentence; null while there is nothing to say. */
  readonly reason: string | null
  /** HTTP status of the answer that refused; null when there was none. */
  readonly status: number | null
  /** What the server said when the stream was last opened; null before, or where nothing could be read. */
  readonly answer: StreamAnswer | null
}

export interface ConnectionOptions {
  readonly url: string
  /** Last message that the viewer has already; null for none. */
  readonly cursor: number | null
  /** Takes frames in order. The next bytes are read when its promise is fulfilled, so a slow viewer slows only itself. */
  readonly onFrames: (frames: readonly Frame[]) => void | Promise<void>
  readonly onState: (state: ConnectionState) => void
  /** From 0 up to 1. */
  readonly chance?: () => number
  /** Used in place of the platform's own, for instance to add a header. */
  readonly fetch?: typeof globalThis.fetch
}

const INITIAL: ConnectionState = { phase: 'idle', failures: 0, retryAt: null, reason: null, status: null, answer: null }

export class StreamConnection {
  readonly #options: ConnectionOptions
  #state = INITIAL
  #parser: FrameParser
  #abort: AbortController | null = null
  #retryTimer: ReturnType<typeof setTimeout> | undefined
  #silenceTimer: ReturnType<typeof setTimeout> | undefined
  #hasCompleted = false

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#parser = new FrameParser(options.cursor === null ? '' : String(options.cursor))
  }

  get state(): ConnectionState {
    return this.#state
  }

  /** `performance.now()` when bytes last came, heartbeats included; null before the first. */
  lastBytesAt: number | null = null

  start(): void {
    if (this.#move('start', {})) void this.#attempt()
  }

  /** Attempt at once instead of at `retryAt`. Does nothing while a stream is open. */
  retryNow(): void {
    clearTimeout(this.#retryTimer)
    if (this.#move('retry', { retryAt: null })) void this.#attempt()
  }

  /** End for good. */
  close(): void {
    this.#move('close', { retryAt: null })
    this.#stopTimers()
    this.#abort?.abort()
  }

  async #attempt(): Promise<void> {
    const abort = new AbortController()
    this.#abort = abort
    // A half block of the old connection is lost with it; what the viewer has is what counts.
    const parser = new FrameParser(this.#parser.lastEventId)
    parser.retryMs = this.#parser.retryMs
    this.#parser = parser
    try {
      this.#expectBytes()
      const headers: Record<string, string> = { Accept: 'text/event-stream' }
      if (parser.lastEventId !== '') headers['Last-Event-ID'] = parser.lastEventId
      const fetch = this.#options.fetch ?? globalThis.fetch
      const response = await fetch(this.#options.url, { headers, signal: abort.signal, cache: 'no-store' })
      switch (classifyAnswer(response.status, response.headers.get('Content-Type'))) {
        case 'nothing_more':
          return this.#end()
        case 'refused':
          void response.body?.cancel()
          return this.#refuse(response.status)
        case 'try_again':
          void response.body?.cancel()
          return this.#lose(`The server answered ${response.status}.`)
        case 'stream':
          await this.#read(response, parser)
      }
    } catch (error) {
      if (this.#abort === abort) this.#lose(describe(error))
    }
  }

  async #read(response: Response, parser: FrameParser): Promise<void> {
    const answer = readStreamAnswer(response.headers.get('X-Backtest-Stream'))
    if (response.body === null || !this.#move('opened', { failures: 0, reason: null, answer })) return
    const reader = response.body.getReader()
    for (;;) {
      this.#expectBytes()
      const { done, value } = await reader.read()
      // While the viewer takes its frames the server is not asked for more: that silence is ours.
      clearTimeout(this.#silenceTimer)
      if (done) break
      this.lastBytesAt = performance.now()
      const frames = parser.feed(value)
      if (frames.length === 0) continue
      if (frames.some((frame) => frame.event === 'backtest_complete')) this.#hasCompleted = true
      await this.#deliver(frames)
    }
    if (this.#hasCompleted) this.#end()
    else this.#lose('The server closed the stream.')
  }

  async #deliver(frames: readonly Frame[]): Promise<void> {
    try {
      await this.#options.onFrames(frames)
    } catch (error) {
      // What the viewer could not take it does not have: without a cursor the next attempt brings a whole snapshot.
      this.#parser.lastEventId = ''
      throw error
    }
  }

  #expectBytes(): void {
    clearTimeout(this.#silenceTimer)
    this.#silenceTimer = setTimeout(() => {
      const abort = this.#abort
      this.#abort = null
      abort?.abort()
      this.#lose(`Nothing came for ${SILENCE_LIMIT_MS / 1000} s.`)
    }, SILENCE_LIMIT_MS)
  }

  #end(): void {
    this.#stopTimers()
    this.#move('ended', { retryAt: null, reason: null })
  }

  #refuse(status: number): void {
    this.#stopTimers()
    this.#move('refused', { status, reason: refusal(status) })
  }

  #lose(reason: string): void {
    this.#stopTimers()
    const failures = this.#state.failures + 1
    const chance = this.#options.chance ?? Math.random
    const delay = retryDelayMs(failures, this.#parser.retryMs ?? DEFAULT_RETRY_MS, chance())
    if (!this.#move('lost', { failures, reason, retryAt: performance.now() + delay })) return
    this.#retryTimer = setTimeout(() => this.retryNow(), delay)
  }

  #stopTimers(): void {
    clearTimeout(this.#retryTimer)
    clearTimeout(this.#silenceTimer)
  }

  #move(happening: ConnectionHappening, change: Partial<ConnectionState>): boolean {
    const phase = nextPhase(this.#state.phase, happening)
    if (phase === null) return false
    this.#state = { ...this.#state, ...change, phase }
    this.#options.onState(this.#state)
    return true
  }
}

function refusal(status: number): string {
  if (status === 404) return 'There is no such session, or you may not see it.'
  if (status === 401 || status === 403) return 'You may not see this session; sign in and load the page again.'
  if (status === 200) return 'The answer is not an event stream; load the page again.'
  return `The server refused the stream (${status}).`
}

function describe(error: unknown): string {
  // Browsers say "Failed to fetch" or "network error" for everything that happens below HTTP.
  return error instanceof TypeError ? 'The server cannot be reached.' : String(error)
}
