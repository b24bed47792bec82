import { describe, expect, test } from 'vitest'
import { MessageInvalid, parseMessage } from '../../src/protocol/messages.ts'

describe('a frame’s data', () => {
  test('become a message of their kind', () => {
    expect(parseMessage('trade_update', '{"event_id":7,"session_id":"s"}')).toEqual({
      event: 'trade_update',
      data: { event_id: 7, session_id: 's' },
    })
  })

  test('of an unknown kind are passed over, for a newer server may send them', () => {
    expect(parseMessage('heartbeat', 'anything')).toBeNull()
  })

  test.each(['', 'nonsense', '[]', 'null', '7', '{}', '{"event_id":"7"}', '{"event_id":1.5}'])(
    'that are no numbered object are refused: %s',
    (data) => {
      expect(() => parseMessage('tick_update', data)).toThrow(MessageInvalid)
    },
  )
})
