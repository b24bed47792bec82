import { describe, expect, test } from 'vitest'
import { formatTime, parseTimestamp, timeOfDay } from '../src/exchange_time.ts'

const NINE_NINETEEN = Date.UTC(2024, 9, 29, 3, 49, 0) / 1000

describe('exchange time', () => {
  test.each([
    '2024-10-29 09:19:00+05:30',
    '2024-10-29T09:19:00+05:30',
    '2024-10-29T09:19:00.000000+05:30',
    '2024-10-29 09:19:00',
    '2024-10-29T03:49:00Z',
    '2024-10-28T22:49:00-05:00',
  ])('is read from %s', (text) => {
    expect(parseTimestamp(text)).toBe(NINE_NINETEEN)
    expect(timeOfDay(text)).toBe('09:19:00')
  })

  test.each(['', '09:19:00', 'yesterday', '2024-10-29'])('is not read from "%s"', (text) => {
    expect(parseTimestamp(text)).toBeNaN()
    expect(timeOfDay(text)).toBe('—')
  })

  test('is the same in a browser of any zone', () => {
    const zone = process.env['TZ']
    const shown = ['Asia/Kolkata', 'America/New_York', 'Pacific/Auckland'].map((name) => {
      process.env['TZ'] = name
      return formatTime(NINE_NINETEEN)
    })
    process.env['TZ'] = zone

    expect(shown).toEqual(['09:19:00', '09:19:00', '09:19:00'])
  })
})
