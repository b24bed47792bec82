/**
 * One connection to a session, and whoever listens to it: pages through a worker, or the one page it lives in.
 *
 * Listeners are told in batches, about thirty a second, whatever the pace; the end of the session is told at once. One
 * that joins later begins with the fold of what came before it, so that the server is not asked again.
 */

import {
  EMPTY_STATE,
  fold,
  parseMessage,
  StreamConnection,
  unpackMessage,
  type ConnectionState,
  type Frame,
  type ViewerState,
} from 'backtest-stream'
import { Digest, type Batch } from './digest.ts'
import type { FeedMessage, Line } from './feed.ts'
import { completionOf, type Completion } from './session_store.ts'

const BATCH_MS = 33
/** How often listeners are told that bytes still come. */
const ALIVE_MS = 1_000

type Listener = (message: FeedMessage) => void

export class SessionFeed {
  readonly #url: string
  readonly #onEmpty: () => void
  readonly #digest = new Digest()
  readonly #listeners = new Set<Listener>()
  #connection: StreamConnection | null = null
  #state: ViewerState = EMPTY_STATE
  #completion: Completion | null = null
  #batchTimer: ReturnType<typeof setTimeout> | undefined
  #aliveTimer: ReturnType<typeof setInterval> | undefined
  #toldBytesAt: number | null = null
  /** Batches are opened and folded one after the other, also where a snapshot takes a while. */
  #work: Promise<void> = Promise.resolve()
  /** What a batch could not be folded for; the connection is told with the next frames, and starts afresh. */
  #fault: { readonly error: unknown } | null = null

  /** @param onEmpty Called when the last listener has left and the connection is closed. */
  constructor(url: string, onEmpty: () => void = () => undefined) {
    this.#url = url
    this.#onEmpty = onEmpty
  }

  /** Listen. The first listener opens the stream, the last one that leaves closes it. */
  join(listener: Listener): () => void {
    // A record of its own, so that the same function can listen twice.
    const follower: Listener = (message) => listener(message)
    // What is being folded goes to those who were there; the new one is told of the whole.
    this.#then(() => {
      this.#listeners.add(follower)
      if (this.#state.event_id >= 0) follower({ kind: 'begin', state: this.#state, completion: this.#completion })
      if (this.#connection === null) this.#open()
      else follower({ kind: 'line', line: lineOf(this.#connection.state) })
    })
    return () => {
      this.#then(() => {
        if (this.#listeners.delete(follower) && this.#listeners.size === 0) this.#close()
      })
    }
  }

  retryNow(): void {
    this.#connection?.retryNow()
  }

  #open(): void {
    const connection = new StreamConnection({
      url: this.#url,
      cursor: this.#state.event_id < 0 ? null : this.#state.event_id,
      onFrames: (frames) => this.#take(frames),
      onState: (state) => this.#note(state),
    })
    this.#connection = connection
    this.#aliveTimer = setInterval(() => this.#tellAlive(), ALIVE_MS)
    connection.start()
  }

  #close(): void {
    clearTimeout(this.#batchTimer)
    clearInterval(this.#aliveTimer)
    this.#batchTimer = undefined
    this.#connection?.close()
    this.#connection = null
    this.#onEmpty()
  }

  async #take(frames: readonly Frame[]): Promise<void> {
    const fault = this.#fault
    this.#fault = null
    if (fault !== null) throw fault.error
    this.#digest.take(frames)
    if (frames.some((frame) => frame.event === 'backtest_complete')) this.#tellBatch()
    else this.#batchTimer ??= setTimeout(() => this.#tellBatch(), BATCH_MS)
    await this.#work
  }

  #tellBatch(): void {
    clearTimeout(this.#batchTimer)
    this.#batchTimer = undefined
    if (this.#digest.isEmpty) return
    const batch = this.#digest.flush()
    this.#then(async () => {
      await this.#fold(batch)
      this.#tell({ kind: 'batch', batch })
    })
  }

  #then(step: () => void | Promise<void>): void {
    this.#work = this.#work.then(step).catch((error: unknown) => {
      this.#fault = { error }
    })
  }

  async #fold({ frames }: Batch): Promise<void> {
    for (const frame of frames) {
      const packed = parseMessage(frame.event, frame.data)
      if (packed === null) continue
      const message = await unpackMessage(packed)
      this.#state = fold(this.#state, message)
      if (message.event === 'backtest_complete') this.#completion = completionOf(message.data)
    }
  }

  #note(state: ConnectionState): void {
    if (state.phase === 'closed') return
    // Frames that came before a change of the line are told before it.
    this.#tellBatch()
    this.#then(() => this.#tell({ kind: 'line', line: lineOf(state) }))
  }

  #tellAlive(): void {
    const at = this.#connection?.lastBytesAt ?? null
    if (at === null || at === this.#toldBytesAt) return
    this.#toldBytesAt = at
    this.#tell({ kind: 'alive' })
  }

  #tell(message: FeedMessage): void {
    for (const listener of [...this.#listeners]) listener(message)
  }
}

function lineOf({ retryAt, ...state }: ConnectionState): Line {
  return { ...state, retryIn: retryAt === null ? null : Math.max(0, retryAt - performance.now()) }
}
