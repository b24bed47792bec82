import { describe, expect, test } from 'vitest'
import { formatAge, formatCount, formatMoney, formatPace, formatPrice, formatSignedMoney, signOf } from '../src/numbers.ts'

describe('money stays text', () => {
  test.each([
    ['0.00', '0.00', 0],
    ['-0.00', '0.00', 0],
    ['382.50', '+382.50', 1],
    ['-5883.75', '−5,883.75', -1],
    ['-12630.00', '−12,630.00', -1],
    ['123456789012345678.91', '+123,456,789,012,345,678.91', 1],
    ['0.05', '+0.05', 1],
  ] as const)('%s is written %s', (money, written, sign) => {
    expect(formatSignedMoney(money)).toBe(written)
    expect(signOf(money)).toBe(sign)
  })

  test('without its sign where that is plain', () => {
    expect(formatMoney('24328.85')).toBe('24,328.85')
  })

  test('and what is no number is left as it came', () => {
    expect(formatMoney('n/a')).toBe('n/a')
  })
})

test('counts and prices are grouped', () => {
  expect([formatCount(0), formatCount(999), formatCount(22351)]).toEqual(['0', '999', '22,351'])
  expect([formatPrice(24328.8), formatPrice(Number.NaN)]).toEqual(['24,328.80', '—'])
})

test('ages grow coarser', () => {
  expect([-5, 200, 14_900, 200_000, 7_300_000].map(formatAge)).toEqual(['0.0 s', '0.2 s', '14 s', '3 min', '2 h'])
})

test('paces are multiples of the market’s own', () => {
  expect([1, 98.4, 11_200, Number.NaN].map(formatPace)).toEqual(['1.0×', '98×', '11,200×', '—'])
})
