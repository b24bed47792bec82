/**
 * What the server answers to a panel's question, and what a panel may say where it does not.
 *
 * A question that was refused is another thing than one that failed: to ask again helps only the second.
 */

/** How a panel's own question stands. */
export type AnswerState = 'none' | 'reading' | 'read' | 'failed' | 'refused'

/** The server answered, and not with what was asked for. */
export class NotAnswered extends Error {
  readonly status: number

  constructor(status: number) {
    super(isRefusal(status) ? 'You may not see this session; sign in and load the page again.' : `The server answered ${status}.`)
    this.status = status
  }
}

/** A session that one may not see is answered as one that is not there. */
export function isRefusal(status: number | null): boolean {
  return status === 401 || status === 403 || status === 404
}

/** Read a document. Throws `NotAnswered` or, where the server cannot be reached, what the browser throws. */
export async function readJson<Document>(url: string): Promise<Document> {
  const answer = await fetch(url, { headers: { Accept: 'application/json' } })
  if (!answer.ok) throw new NotAnswered(answer.status)
  return (await answer.json()) as Document
}

export function stateAfter(error: unknown): 'failed' | 'refused' {
  return error instanceof NotAnswered && isRefusal(error.status) ? 'refused' : 'failed'
}

/** Why there was no answer, as a sentence. */
export function sentenceOf(error: unknown): string {
  // Browsers say "Failed to fetch" or "network error" for everything that happens below HTTP.
  if (error instanceof TypeError) return 'The server cannot be reached.'
  return error instanceof Error ? error.message : String(error)
}
