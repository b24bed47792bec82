/**
 * Numbers as text. Money comes as decimal text and is formatted as text: it never passes through a float.
 *
 * The templates write the same forms (strategies/templatetags/monitor.py), so that nothing jumps when a script takes over.
 */

const MINUS = '\u2212'
const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/

/** "22351" → "22,351". */
function group(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, ',')
}

export function formatCount(count: number): string {
  return group(String(Math.trunc(count)))
}

/** Money or price as text, grouped, with a true minus sign: "-12630.00" → "−12,630.00". */
export function formatMoney(money: string): string {
  const match = DECIMAL.exec(money)
  if (match === null) return money
  const [, sign, whole = '', fraction = ''] = match
  return `${sign === '-' && !isZero(money) ? MINUS : ''}${group(whole)}.${fraction.padEnd(2, '0')}`
}

/** Money whose sign matters: "+382.50", "−5,883.75", "0.00". */
export function formatSignedMoney(money: string): string {
  return signOf(money) > 0 ? `+${formatMoney(money)}` : formatMoney(money)
}

/** A price that came as a number: 24328.85 → "24,328.85"; "—" for NaN. */
export function formatPrice(price: number): string {
  return Number.isFinite(price) ? formatMoney(price.toFixed(2)) : '—'
}

export function signOf(money: string): -1 | 0 | 1 {
  if (isZero(money)) return 0
  return money.startsWith('-') ? -1 : 1
}

function isZero(money: string): boolean {
  return !/[1-9]/.test(money)
}

/** How long ago: "0.2 s", "14 s", "3 min", "2 h". */
export function formatAge(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 60) return `${Math.floor(seconds)} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  return `${Math.floor(seconds / 3600)} h`
}

/** Market seconds per second: "1.0×", "98×", "11,200×". */
export function formatPace(ticksPerSecond: number): string {
  if (!Number.isFinite(ticksPerSecond)) return '—'
  return ticksPerSecond < 10 ? `${ticksPerSecond.toFixed(1)}×` : `${formatCount(Math.round(ticksPerSecond))}×`
}
