/**
 * The documents inside a snapshot: base64 of gzip of one JSON document.
 *
 * Uses the platform's own `DecompressionStream` (browsers since 2023, Node since 18), so that no library is needed.
 */

import type {
  Diagnostics,
  Message,
  PackedCompletion,
  PackedMessage,
  PackedSnapshot,
  TradesDocument,
  Unpacked,
} from './messages.ts'
import { MessageInvalid } from './messages.ts'

/**
 * Open one packed document.
 *
 * @throws MessageInvalid when the text is not base64 of gzip of JSON.
 */
export async function unpack(packed: string): Promise<unknown> {
  try {
    const compressed = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0))
    const stream = new Blob([compressed]).stream().pipeThrough(new DecompressionStream('gzip'))
    return JSON.parse(await new Response(stream).text())
  } catch (error) {
    throw new MessageInvalid(`A snapshot cannot be opened: it is not base64 of gzip of JSON (${String(error)}).`, {
      cause: error,
    })
  }
}

/** Open the documents of a message that has some; every other message comes back as it is. */
export async function unpackMessage(message: PackedMessage): Promise<Message> {
  switch (message.event) {
    case 'initial_state':
      return { event: message.event, data: await unpackSnapshot(message.data) }
    case 'backtest_complete':
      return { event: message.event, data: await unpackSnapshot(message.data) }
    case 'tick_update':
    case 'node_event':
    case 'trade_update':
      return message
  }
}

async function unpackSnapshot<Packed extends PackedSnapshot | PackedCompletion>(data: Packed): Promise<Unpacked<Packed>> {
  const [diagnostics, trades] = await Promise.all([unpack(data.diagnostics), unpack(data.trades)])
  return { ...data, diagnostics: diagnostics as Diagnostics, trades: trades as TradesDocument }
}
