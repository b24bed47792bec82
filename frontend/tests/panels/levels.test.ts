import { expect, test } from 'vitest'
import { levelWords, standingAt, widened } from '../../src/panels/level_drawing.ts'
import { placeTags } from '../../src/panels/level_tags.ts'
import { stopWords } from '../../src/panels/tables.ts'
import { NOTHING_TRADED, type TradeLevel, type TradeMarks } from '../../src/live/trade_markers.ts'

function level(kind: TradeLevel['kind'], start: number, end: number | null, ...prices: number[]): TradeLevel {
  return { kind, start, end, symbol: 'A', steps: { times: prices.map((_price, place) => start + 10 * place), prices } }
}

const marks = (...levels: TradeLevel[]): TradeMarks => ({ ...NOTHING_TRADED, levels })

test('what stands at a moment is what the positions that are open then have', () => {
  const all = marks(level('entry', 0, 50, 100), level('stop', 0, 50, 90), level('trail', 0, 50, Number.NaN, 92, 95), level('target', 60, null, 120))

  const standing = (moment: number): unknown => standingAt(all, moment).map(({ level: { kind }, price }) => [kind, price])

  expect(standing(5)).toEqual([['entry', 100], ['stop', 90]])
  expect(standing(20)).toEqual([['entry', 100], ['stop', 90], ['trail', 95]])
  expect([standing(50), standing(60)]).toEqual([[], [['target', 120]]])
  expect(levelWords(all, 20)).toBe('entered at 100.00, stop 90.00, trailing stop 95.00')
})

test('the range of values takes in the levels in sight that leave the values legible', () => {
  const all = marks(level('stop', 0, 50, 95), level('target', 0, null, 300), level('trail', 0, null, 97, 112), level('stop', 70, 80, 92))

  expect(widened(100, 110, all, 0, 60)).toEqual([95, 112])
  expect(widened(100, 110, all, 60, 90)).toEqual([92, 112])
  expect(widened(100, 110, marks(level('entry', 0, null, 50)), 0, 60)).toEqual([100, 110])
})

test.each([
  [[50, 90], [50, 90]],
  [[50, 52], [50, 60]],
  [[52, 50, 51], [70, 50, 60]],
  [[98, 99], [85, 95]],
  [[-40, 400], [5, 95]],
])('tags wanted at %j stand at %j, none over another', (wanted, placed) => {
  expect(placeTags(wanted, 10, 0, 100)).toEqual(placed)
})

test('a stop is told with what trails behind the price', () => {
  const position = { position_id: 'p', symbol: 'A', side: 'buy', quantity: 1, entry_price: '1.00', current_price: '1.00', unrealized_pnl: '0.00' } as const

  expect(stopWords(position)).toBe('—')
  expect(stopWords({ ...position, stop_loss_price: '1182.50', trailing_stop_price: null })).toBe('1,182.50')
  expect(stopWords({ ...position, stop_loss_price: '182.50', trailing_stop_price: '190.10' })).toBe('182.50 · 190.10 trailing')
})
