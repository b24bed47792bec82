import { expect, test } from 'vitest'
import { PaceMeter } from '../../src/live/pace_meter.ts'

test('pace is measured over the last seconds', () => {
  const meter = new PaceMeter()
  meter.note(0, 0)
  expect(meter.ticksPerSecond).toBeNaN()

  for (let at = 100; at <= 10_000; at += 100) meter.note(at < 5_000 ? at / 10 : 500 + (at - 5_000) / 5, at)

  expect(meter.ticksPerSecond).toBeCloseTo(200, 0)
})
