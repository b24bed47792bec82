import { describe, expect, test } from 'vitest'
import { fold, type ViewerState } from '../../src/protocol/fold.ts'
import { parseMessage } from '../../src/protocol/messages.ts'
import { unpackMessage } from '../../src/protocol/snapshots.ts'
import { readVectors } from '../vectors.ts'

interface FoldCase {
  readonly name: string
  readonly state: ViewerState
  readonly event: string
  readonly data: unknown
  readonly after: ViewerState
}

const CASES = readVectors<{ cases: readonly FoldCase[] }>('fold').cases

async function foldText(state: ViewerState, event: string, data: unknown): Promise<ViewerState> {
  const message = parseMessage(event, JSON.stringify(data))
  return message === null ? state : fold(state, await unpackMessage(message))
}

describe('S4: the fold', () => {
  test.each(CASES)('$name', async (row) => {
    expect(await foldText(row.state, row.event, row.data)).toEqual(row.after)
  })

  test.each(CASES)('S8: a message seen twice changes nothing: $name', async (row) => {
    const once = await foldText(row.state, row.event, row.data)

    expect(await foldText(once, row.event, row.data)).toEqual(once)
  })

  test.each(CASES)('the state before is left as it was: $name', async (row) => {
    const before = structuredClone(row.state)

    await foldText(row.state, row.event, row.data)

    expect(row.state).toEqual(before)
  })
})
