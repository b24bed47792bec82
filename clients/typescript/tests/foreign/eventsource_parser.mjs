/**
 * Reads a stream to its end with the platform's fetch and the npm package `eventsource-parser`, as its readme says.
 *
 * Writes one line of JSON: `null` once the stream is open, then [event, data, id] for each message.
 */

import { EventSourceParserStream } from 'eventsource-parser/stream'

const write = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)

const [, , url, cursor] = process.argv
const response = await fetch(url, { headers: cursor === undefined ? {} : { 'Last-Event-ID': cursor } })
write(null)
const messages = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream())
for await (const { event, data, id } of messages) write([event, data, id])
