/** A small curve as an SVG path, in a box of 120 by 32; the template draws the same (strategies/templatetags/monitor.py). */

const WIDTH = 120
const HEIGHT = 32

export function sparkPath(values: readonly number[]): string {
  if (values.length < 2) return ''
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const span = high - low || 1
  const step = WIDTH / (values.length - 1)
  const points = values.map((value, place) => `${(place * step).toFixed(1)} ${(1 + ((HEIGHT - 2) * (high - value)) / span).toFixed(1)}`)
  return `M${points.join('L')}`
}
