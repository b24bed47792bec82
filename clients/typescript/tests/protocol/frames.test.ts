import { describe, expect, test } from 'vitest'
import { FrameParser, type Frame } from '../../src/protocol/frames.ts'
import { readVectors } from '../vectors.ts'

interface ParserCase {
  readonly name: string
  readonly chunks?: readonly string[]
  readonly chunks_base64?: readonly string[]
  readonly events: readonly Frame[]
  readonly last_event_id: string
  readonly retry_ms: number | null
}

interface FrameCase {
  readonly name: string
  readonly event: string
  readonly data: unknown
  readonly event_id: number
  readonly text: string
}

const PARSER_CASES = readVectors<{ cases: readonly ParserCase[] }>('parser').cases
const FRAME_CASES = readVectors<{ cases: readonly FrameCase[] }>('frames').cases

function chunksOf(row: ParserCase): Uint8Array[] {
  if (row.chunks_base64 !== undefined) return row.chunks_base64.map((chunk) => new Uint8Array(Buffer.from(chunk, 'base64')))
  return (row.chunks ?? []).map((chunk) => new TextEncoder().encode(chunk))
}

function parse(chunks: readonly Uint8Array[]): { events: Frame[]; last_event_id: string; retry_ms: number | null } {
  const parser = new FrameParser()
  const events = chunks.flatMap((chunk) => parser.feed(chunk))
  return { events, last_event_id: parser.lastEventId, retry_ms: parser.retryMs }
}

describe('the standard’s parser', () => {
  test.each(PARSER_CASES)('$name', (row) => {
    expect(parse(chunksOf(row))).toEqual({ events: row.events, last_event_id: row.last_event_id, retry_ms: row.retry_ms })
  })

  test.each(PARSER_CASES)('S9: any cut of the bytes gives the same: $name', (row) => {
    const bytes = Uint8Array.from(chunksOf(row).flatMap((chunk) => [...chunk]))
    const whole = parse([bytes])

    for (let cut = 0; cut <= bytes.length; cut += 1) {
      expect(parse([bytes.slice(0, cut), bytes.slice(cut)])).toEqual(whole)
    }
    expect(parse([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(whole)
  })
})

describe('the frames of a session', () => {
  test.each(FRAME_CASES)('S17: $name', (row) => {
    const [frame, ...more] = new FrameParser().feed(new TextEncoder().encode(row.text))

    expect(more).toEqual([])
    expect(frame?.event).toBe(row.event)
    expect(frame?.last_event_id).toBe(String(row.event_id))
    expect(JSON.parse(frame?.data ?? '')).toEqual(row.data)
  })

  test('a parser that resumes starts from the id it was given', () => {
    expect(new FrameParser('41').feed(new TextEncoder().encode('data: x\n\n'))).toEqual([
      { event: 'message', data: 'x', last_event_id: '41' },
    ])
  })
})
