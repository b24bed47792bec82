/**
 * The frames of an event stream, from any cut of its bytes.
 *
 * Follows the WHATWG HTML standard, 9.2.6 "Interpreting an event stream": lines end in CR, LF or CRLF, a leading byte
 * order mark is dropped, an `id` with a NUL is ignored, `retry` counts only when it is all digits, and a block that the
 * stream's end cuts short is never delivered. The parser knows no network: feed it what has come, take what is complete.
 */

export interface Frame {
  /** "message" where the stream named none. */
  readonly event: string
  readonly data: string
  /** The last `id` seen up to and including this frame; "" when there was none. */
  readonly last_event_id: string
}

const DIGITS = /^[0-9]+$/

export class FrameParser {
  /** What a reconnect sends as `Last-Event-ID`. Moves with an id-only block as well, which delivers no frame. */
  lastEventId = ''
  /** Milliseconds to wait before a reconnect, as the server last asked; null when it never did. */
  retryMs: number | null = null

  readonly #decoder = new TextDecoder('utf-8')
  #rest = ''
  #endedInCarriageReturn = false
  #event = ''
  #data: string | null = null
  #id: string

  constructor(lastEventId = '') {
    this.lastEventId = lastEventId
    this.#id = lastEventId
  }

  /** Take the next bytes of the stream, cut anywhere, and return the frames that they complete. */
  feed(bytes: Uint8Array): Frame[] {
    let text = this.#decoder.decode(bytes, { stream: true })
    const frames: Frame[] = []
    if (text === '') return frames

    // A CR at the end of the last piece was taken as a line's end; an LF that opens this piece belongs to it.
    if (this.#endedInCarriageReturn && text.charCodeAt(0) === 10) text = text.slice(1)
    this.#endedInCarriageReturn = text.charCodeAt(text.length - 1) === 13
    if (text.includes('\r')) text = text.replace(/\r\n?/g, '\n')

    let start = 0
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      const line = this.#rest === '' ? text.slice(start, end) : this.#rest + text.slice(start, end)
      this.#rest = ''
      start = end + 1
      this.#takeLine(line, frames)
    }
    this.#rest += text.slice(start)
    return frames
  }

  #takeLine(line: string, frames: Frame[]): void {
    if (line === '') return this.#endBlock(frames)
    const colon = line.indexOf(':')
    if (colon === 0) return
    if (colon === -1) return this.#takeField(line, '')
    const valueStart = line.charCodeAt(colon + 1) === 32 ? colon + 2 : colon + 1
    this.#takeField(line.slice(0, colon), line.slice(valueStart))
  }

  #takeField(field: string, value: string): void {
    if (field === 'data') this.#data = this.#data === null ? value : `${this.#data}\n${value}`
    else if (field === 'event') this.#event = value
    else if (field === 'id' && !value.includes('\0')) this.#id = value
    else if (field === 'retry' && DIGITS.test(value)) this.retryMs = Number(value)
  }

  #endBlock(frames: Frame[]): void {
    this.lastEventId = this.#id
    if (this.#data !== null) {
      frames.push({ event: this.#event === '' ? 'message' : this.#event, data: this.#data, last_event_id: this.#id })
    }
    this.#event = ''
    this.#data = null
  }
}
