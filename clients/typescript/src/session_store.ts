/**
 * What a viewer sees of one session, as a store that a user interface can follow.
 *
 * The stream is open while somebody is subscribed. Messages are folded as they come; subscribers are told at most once
 * per painted frame, however many came. A store that is left and followed again resumes after the last message that it
 * folded. It knows no user interface library: `subscribe` and `getView` are what React's `useSyncExternalStore` asks for.
 */

import { StreamConnection, type ConnectionState } from './connection.ts'
import type { ConnectionPhase } from './protocol/connection_states.ts'
import { EMPTY_STATE, fold, type ViewerState } from './protocol/fold.ts'
import type { Frame } from './protocol/frames.ts'
import { parseMessage, type Diagnostics, type SessionStatus, type TickUpdate, type TradesDocument } from './protocol/messages.ts'
import { unpackMessage } from './protocol/snapshots.ts'

/** How a session ended. */
export interface Completion {
  readonly status: SessionStatus
  readonly total_ticks: number
  /** One sentence where it failed, else null. */
  readonly error: string | null
}

/** One moment of a session, never changed: the next moment is another record. */
export interface SessionView {
  /** What the nodes did, and the newest tick; null before the first message. */
  readonly diagnostics: Diagnostics | null
  /** The closed trades and their summary; null before the first message. */
  readonly trades: TradesDocument | null
  /** The newest tick; null before the first one. */
  readonly currentTick: TickUpdate | null
  /** Newest message in this view; 0 also before the first one. */
  readonly lastEventId: number
  /** How the session ended; null while it runs. */
  readonly completion: Completion | null
  /** State of the connection. */
  readonly status: ConnectionPhase
  /** Why the stream is not open, as a sentence; null while there is nothing to say. */
  readonly reason: string | null
}

export interface SessionStoreOptions {
  readonly url: string
  /** Used in place of the platform's own, for instance to add a header. */
  readonly fetch?: typeof globalThis.fetch
}

export const NOTHING_SEEN: SessionView = {
  diagnostics: null,
  trades: null,
  currentTick: null,
  lastEventId: 0,
  completion: null,
  status: 'idle',
  reason: null,
}

/** A hidden page paints nothing; its view still moves this often. */
const LONGEST_UNTOLD_MS = 1_000
const FRAME_MS = 16

/** The address of a session's stream; `baseUrl` is empty for the page's own server. */
export function streamUrl(sessionId: string, baseUrl = ''): string {
  return `${baseUrl.replace(/\/+$/, '')}/api/backtest/${encodeURIComponent(sessionId)}/stream`
}

export class SessionStore {
  readonly #options: SessionStoreOptions
  readonly #listeners = new Set<() => void>()
  #connection: StreamConnection | null = null
  #state: ViewerState = EMPTY_STATE
  #completion: Completion | null = null
  #line: Pick<SessionView, 'status' | 'reason'> = { status: 'idle', reason: null }
  #view = NOTHING_SEEN
  #cancelTelling: (() => void) | null = null

  constructor(options: SessionStoreOptions) {
    this.#options = options
  }

  /** Follow the session; the first follower opens the stream, the last one that leaves closes it. */
  readonly subscribe = (listener: () => void): (() => void) => {
    // A record of its own, so that the same function can follow twice.
    const follower = (): void => listener()
    this.#listeners.add(follower)
    // Later in the same task: React's strict mode follows, leaves and follows again, which must not cost a request.
    queueMicrotask(() => this.#open())
    return () => {
      this.#listeners.delete(follower)
      if (this.#listeners.size === 0) this.#close()
    }
  }

  /** The newest moment that followers were told of. The same record until there is a newer one. */
  readonly getView = (): SessionView => this.#view

  #open(): void {
    if (this.#listeners.size === 0 || this.#connection !== null || this.#completion !== null) return
    const connection: StreamConnection = new StreamConnection({
      ...this.#options,
      cursor: this.#state.event_id < 0 ? null : this.#state.event_id,
      onFrames: (frames) => this.#take(frames, connection),
      onState: (state) => this.#note(state),
    })
    this.#connection = connection
    connection.start()
  }

  #close(): void {
    const connection = this.#connection
    this.#connection = null
    connection?.close()
    this.#cancelTelling?.()
    this.#cancelTelling = null
  }

  async #take(frames: readonly Frame[], connection: StreamConnection): Promise<void> {
    for (const frame of frames) {
      const packed = parseMessage(frame.event, frame.data)
      if (packed === null) continue
      const message = await unpackMessage(packed)
      // The followers left while a snapshot was being opened; who comes next resumes before it.
      if (this.#connection !== connection) return
      this.#state = fold(this.#state, message)
      if (message.event === 'backtest_complete') {
        const { status, total_ticks, error = null } = message.data
        this.#completion = { status, total_ticks, error }
      }
    }
    this.#tellSoon()
  }

  #note({ phase, reason }: ConnectionState): void {
    // Of a connection that was closed because nobody follows, nobody is told.
    if (phase === 'closed') return
    this.#line = { status: phase, reason }
    this.#tellSoon()
  }

  #tellSoon(): void {
    this.#cancelTelling ??= beforeNextPaint(() => {
      this.#cancelTelling = null
      this.#tell()
    })
  }

  #tell(): void {
    const { diagnostics, trades, event_id } = this.#state
    const seen = { diagnostics, trades, currentTick: diagnostics.current_state, lastEventId: event_id }
    this.#view = { ...NOTHING_SEEN, ...(event_id < 0 ? {} : seen), completion: this.#completion, ...this.#line }
    for (const listener of [...this.#listeners]) listener()
  }
}

/** Call back once, before the next paint; where nothing is painted, after a while. Returns what cancels it. */
function beforeNextPaint(callback: () => void): () => void {
  const paints = typeof requestAnimationFrame === 'function'
  const timer = setTimeout(run, paints ? LONGEST_UNTOLD_MS : FRAME_MS)
  const frame = paints ? requestAnimationFrame(run) : 0
  function cancel(): void {
    clearTimeout(timer)
    if (paints) cancelAnimationFrame(frame)
  }
  function run(): void {
    cancel()
    callback()
  }
  return cancel
}
