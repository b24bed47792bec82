/**
 * What the server says about its answer before the first byte of it: the header `X-Backtest-Stream` (S16).
 *
 * `snapshot; head=1204` means that the viewer starts afresh, `replay` that what it missed is sent, `live` that it missed
 * nothing, `complete` that the session has ended. The head lets a viewer tell how far it still has to catch up.
 */

export const STREAM_MODES = ['snapshot', 'replay', 'live', 'complete'] as const
export type StreamMode = (typeof STREAM_MODES)[number]

export interface StreamAnswer {
  readonly mode: StreamMode
  /** Newest event when the server answered; null before the session's first. */
  readonly head: number | null
}

const ANSWER = /^\s*([a-z]+)\s*;\s*head=(-?\d+|none)\s*$/i

/** Read the header. Null where there is none, or one that this client does not know. */
export function readStreamAnswer(header: string | null): StreamAnswer | null {
  const match = ANSWER.exec(header ?? '')
  const mode = STREAM_MODES.find((known) => known === match?.[1]?.toLowerCase())
  if (match === null || mode === undefined) return null
  const head = Number(match[2])
  return { mode, head: Number.isSafeInteger(head) && head >= 0 ? head : null }
}
