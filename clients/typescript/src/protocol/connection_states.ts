/**
 * The life of a connection, as a table.
 *
 * ```
 * idle ──start──> connecting ──opened──> open ──lost──> waiting ──retry──> connecting
 *                     │  │                 │               │
 *                     │  └─refused─> refused               └─close─> closed (from every state)
 *                     └────lost────────────┼──> waiting
 *                     └────ended───────────┴──> ended
 * ```
 *
 * `ended` means that the session's last message has come (or a 204 said that there is nothing more); `refused` that
 * asking again would give the same answer. The table decides no time: `retryDelayMs` does, with its chance passed in.
 */

export type ConnectionPhase = 'idle' | 'connecting' | 'open' | 'waiting' | 'ended' | 'refused' | 'closed'
export type ConnectionHappening = 'start' | 'opened' | 'lost' | 'retry' | 'ended' | 'refused' | 'close'

type Row = { readonly [Happening in ConnectionHappening]?: ConnectionPhase }

export const NEXT_PHASES: { readonly [Phase in ConnectionPhase]: Row } = {
  idle: { start: 'connecting', close: 'closed' },
  connecting: { opened: 'open', lost: 'waiting', ended: 'ended', refused: 'refused', close: 'closed' },
  open: { lost: 'waiting', ended: 'ended', refused: 'refused', close: 'closed' },
  waiting: { retry: 'connecting', close: 'closed' },
  ended: { close: 'closed' },
  refused: { retry: 'connecting', close: 'closed' },
  closed: {},
}

/** The phase after a happening; null where the table does not allow it, which callers treat as too late to matter. */
export function nextPhase(phase: ConnectionPhase, happening: ConnectionHappening): ConnectionPhase | null {
  return NEXT_PHASES[phase][happening] ?? null
}

/** Longest wait between two attempts, whatever the server asked for. */
export const LONGEST_RETRY_MS = 30_000

/**
 * Decide how long to wait before the next attempt.
 *
 * @param attempt Attempts that failed since the stream was last open, from 1.
 * @param serverRetryMs What the server's `retry:` asked for.
 * @param chance From 0 up to 1: spreads viewers that lost the same server, so that they do not return all at once.
 * @returns Milliseconds: the server's wish, doubled with every failure, between half and all of it.
 */
export function retryDelayMs(attempt: number, serverRetryMs: number, chance: number): number {
  const longest = Math.min(LONGEST_RETRY_MS, Math.max(100, serverRetryMs) * 2 ** Math.max(0, attempt - 1))
  return Math.round(longest * (0.5 + 0.5 * chance))
}

export type Answer = 'stream' | 'nothing_more' | 'try_again' | 'refused'

/**
 * Read the server's answer to a connect.
 *
 * @param contentType The header's value; a stream that is not an event stream is some other page (a sign-in, a proxy).
 */
export function classifyAnswer(status: number, contentType: string | null): Answer {
  if (status === 204) return 'nothing_more'
  if (status === 200) return (contentType ?? '').toLowerCase().startsWith('text/event-stream') ? 'stream' : 'refused'
  if (status === 408 || status === 425 || status === 429 || status >= 500) return 'try_again'
  return 'refused'
}
