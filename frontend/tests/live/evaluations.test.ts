import { describe, expect, test } from 'vitest'
import type { EvaluatedCondition, EvaluatedGroup } from 'backtest-stream'
import { conditionRows, tally } from '../../src/live/evaluations.ts'

function condition(raw: string, result: boolean, reason?: string): EvaluatedCondition {
  const operands = { lhs_value: 1, rhs_value: 2, operator: '<' }
  return { raw, evaluated: `${raw}!`, ...operands, result, ...(reason === undefined ? {} : { reason }) }
}

describe('an evaluation as rows', () => {
  const group: EvaluatedGroup = {
    logic: 'AND',
    result: false,
    conditions: [
      condition('a', true),
      { logic: 'OR', result: false, conditions: [condition('b', false), condition('c', false, 'no candle yet')] },
      condition('d', false),
    ],
  }

  test('marks the first false one of an AND, and none of an OR', () => {
    const rows = conditionRows(group).map((row) => [row.depth, row.text, row.operands, row.verdict, row.isFirstFailing])

    expect(rows).toEqual([
      [0, 'a', 'a!', 'true', false],
      [0, 'any of', '', 'false', true],
      [1, 'b', 'b!', 'false', false],
      [1, 'c', 'no candle yet', 'missing', false],
      [0, 'd', 'd!', 'false', false],
    ])
  })

  test('counts single conditions, not groups', () => {
    expect(tally(group)).toBe('1 of 4 true')
  })
})
