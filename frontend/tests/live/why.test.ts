import { expect, test } from 'vitest'
import { reasonShares, whyRows, whySentence, type ExplainedNode, type WhyDocument } from '../../src/live/why.ts'

const condition = (raw: string, result: boolean) => ({ raw, evaluated: `${raw}!`, lhs_value: 1, rhs_value: 2, operator: '<', result })
const EVALUATION = {
  timestamp: '2024-10-29 10:42:00+05:30',
  conditions: {
    logic: 'AND',
    result: false,
    conditions: [condition('a', true), { logic: 'OR', result: false, conditions: [condition('b', false)] }],
  },
} as const
const moment = (result: boolean) => ({ result, since_tick: 5, since_time: '09:15:04', last_true_tick: 3, last_true_time: '09:15:02' })
const MEMORY = { conditions: [moment(true), moment(false), moment(false)] } as unknown as WhyDocument

test('each condition is told with its operands, since when it holds and when it was last true', () => {
  const rows = whyRows(EVALUATION, MEMORY)

  expect(rows.map((row) => [row.text, row.verdict, row.since?.tick, row.lastTrue?.tick, row.isFirstFailing])).toEqual([
    ['a', 'true', 5, undefined, false],
    ['any of', 'false', 5, 3, true],
    ['b', 'false', 5, 3, false],
  ])
})

test('what is remembered of the other result is not told of this one', () => {
  const memory = { conditions: [moment(false), moment(false), moment(true)] } as unknown as WhyDocument

  expect(whyRows(EVALUATION, memory).map((row) => row.since?.tick)).toEqual([undefined, 5, undefined])
  expect(whyRows(EVALUATION, null).map((row) => row.since)).toEqual([null, null, null])
})

test('the sentence names what stands in the way first', () => {
  const rows = whyRows(EVALUATION, null)

  expect(whySentence(EVALUATION, rows, true)).toBe('Waiting — first failing: any of (all of: 1 of 2 true).')
  expect(whySentence(EVALUATION, rows, false)).toMatch(/^Not active now\. When last asked — first failing: any of/)
})

test('reasons are told by their share of the range, the longest first', () => {
  const node = {
    ticks: 200,
    reasons: { 'node inactive': 50, 'condition false: rsi < 30': 150 },
    conditions: [{ raw: 'rsi < 30', nearest_miss: { tick: 9, timestamp: 't', evaluated: '30.1 < 30' } }],
  } as unknown as ExplainedNode

  expect(reasonShares(node).map(({ reason, share, nearestMiss }) => [reason, share, nearestMiss?.tick])).toEqual([
    ['condition false: rsi < 30', 0.75, 9],
    ['node inactive', 0.25, undefined],
  ])
})
