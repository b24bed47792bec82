import { expect, test } from 'vitest'
import { sparkPath } from '../src/spark.ts'

test.each([
  [[], ''],
  [[5], ''],
  [[0, 10], 'M0.0 31.0L120.0 1.0'],
  [[3, 3, 3], 'M0.0 1.0L60.0 1.0L120.0 1.0'],
])('%o is the curve %s', (values, path) => {
  expect(sparkPath(values)).toBe(path)
})
