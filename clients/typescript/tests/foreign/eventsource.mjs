/**
 * Reads a stream with the npm package `eventsource`, as its readme says, until the server says that there is no more.
 *
 * Writes one line of JSON: `null` once the stream is open, then [event, data, last event id] for each message.
 */

import { EventSource } from 'eventsource'

const KINDS = ['initial_state', 'tick_update', 'node_event', 'trade_update', 'backtest_complete', 'message']
const write = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)

const source = new EventSource(process.argv[2])
source.addEventListener('open', () => write(null))
for (const kind of KINDS) {
  source.addEventListener(kind, (message) => write([message.type, message.data, message.lastEventId]))
}
source.addEventListener('error', (error) => {
  // A 204 ends it for good; after any other end it comes back by itself.
  if (source.readyState === EventSource.CLOSED) process.exitCode = error.code === 204 ? 0 : 1
})
