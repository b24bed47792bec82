import { describe, expect, test } from 'vitest'
import { MessageInvalid } from '../../src/protocol/messages.ts'
import { unpack } from '../../src/protocol/snapshots.ts'
import { readVectors } from '../vectors.ts'

interface SnapshotVectors {
  readonly cases: readonly { readonly name: string; readonly document: string; readonly packed: string }[]
  readonly refused: readonly { readonly name: string; readonly packed: string }[]
}

const VECTORS = readVectors<SnapshotVectors>('snapshots')

describe('a packed document', () => {
  test.each(VECTORS.cases)('opens: $name', async ({ document, packed }) => {
    expect(await unpack(packed)).toEqual(JSON.parse(document))
  })

  test.each(VECTORS.refused)('is refused: $name', async ({ packed }) => {
    await expect(unpack(packed)).rejects.toThrow(MessageInvalid)
  })
})
