/**
 * Exchange time: what the clock on the exchange's wall shows, whatever zone the browser is in.
 *
 * Times travel as "2024-10-29 09:19:00+05:30" (streams) or "2024-10-29T09:19:00+05:30" (REST). The exchange is in India,
 * which has one zone and no daylight saving time, so a fixed offset is the whole rule.
 */

/** Seconds that exchange time is ahead of UTC. */
export const EXCHANGE_OFFSET_S = 19_800
export const EXCHANGE_ZONE = 'IST'

const TIMESTAMP = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.\d+)?(Z|[+-]\d\d:?\d\d)?$/

/**
 * Read a timestamp.
 *
 * @returns Unix seconds, whole; NaN when the text is not a timestamp. A text without offset is exchange time.
 */
export function parseTimestamp(text: string): number {
  const match = TIMESTAMP.exec(text)
  if (match === null) return Number.NaN
  const [, year, month, day, hour, minute, second, zone] = match
  const wallClock = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second))
  return wallClock / 1000 - offsetSeconds(zone)
}

function offsetSeconds(zone: string | undefined): number {
  if (zone === undefined) return EXCHANGE_OFFSET_S
  if (zone === 'Z') return 0
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2))
  return (zone.startsWith('-') ? -minutes : minutes) * 60
}

/** A date whose UTC fields show exchange time: for libraries that format dates by their UTC fields. */
export function wallClock(unixSeconds: number): Date {
  return new Date((unixSeconds + EXCHANGE_OFFSET_S) * 1000)
}

/** "09:19:00", or "—" for NaN. */
export function formatTime(unixSeconds: number): string {
  return Number.isFinite(unixSeconds) ? wallClock(unixSeconds).toISOString().slice(11, 19) : '—'
}

/** The time of day in a timestamp: "09:19:00"; "—" when there is none. */
export function timeOfDay(timestamp: string | null | undefined): string {
  return timestamp == null ? '—' : formatTime(parseTimestamp(timestamp))
}
