import { expect, test } from 'vitest'
import { readStreamAnswer, STREAM_MODES } from '../../src/protocol/stream_answers.ts'

test.each(STREAM_MODES)('S16: a viewer is told "%s" before the first byte', (mode) => {
  expect(readStreamAnswer(`${mode}; head=1204`)).toEqual({ mode, head: 1204 })
})

test('S16: a session without any event has no head', () => {
  expect(readStreamAnswer('live; head=-1')).toEqual({ mode: 'live', head: null })
  expect(readStreamAnswer('live; head=None')).toEqual({ mode: 'live', head: null })
})

test.each([null, '', 'live', 'live; head=', 'magic; head=4', 'live; head=1.5', 'live, refused; head=4'])(
  'says nothing where it is not understood: %s',
  (header) => {
    expect(readStreamAnswer(header)).toBeNull()
  },
)
