import { expect, test } from 'vitest'
import { NOWHERE, readPlace, writePlace, type Place } from '../src/links.ts'

test.each<[string, Partial<Place>]>([
  ['', {}],
  ['?t=5532', { tick: 5532 }],
  ['?node=put-signal&tab=why', { node: 'put-signal', tab: 'why' }],
  ['?t=1&range=100-700&tf=1m', { tick: 1, range: [100, 700], timeframe: '1m' }],
  ['?kind=EntryNode&q=call+%26+put', { kind: 'EntryNode', text: 'call & put' }],
])('a place is its address and back: %s', (address, place) => {
  expect(readPlace(address)).toEqual({ ...NOWHERE, ...place })
  expect(writePlace({ ...NOWHERE, ...place })).toBe(address)
})

test.each(['?t=-4', '?t=0', '?t=1e5', '?t=999999999999', '?range=7-2', '?range=5', '?range=1-2-3', '?tab=nothing', '?tf=1h', '?next=/evil'])(
  'what cannot be understood is left out: %s',
  (address) => {
    expect(readPlace(address)).toEqual(NOWHERE)
  },
)
