/**
 * Where the reader looks: at the newest tick as it comes, or at an earlier one, still or playing on from it.
 *
 * Pure: time passes by `advance`. Ticks are market seconds, so that at 10× ten of them pass in a second.
 */

export const SPEEDS = [1, 10, 60, 600, 'max'] as const
export type Speed = (typeof SPEEDS)[number]

/** Ticks that pass in a second at the highest speed: a day in about six. */
const MAX_SPEED = 3_600

export interface Playhead {
  /** The tick that is shown; null follows the newest. */
  readonly tick: number | null
  readonly isPlaying: boolean
  readonly speed: Speed
  /** Part of the next tick that has passed already, 0 to 1. */
  readonly fraction: number
}

export const AT_NEWEST: Playhead = { tick: null, isPlaying: false, speed: 10, fraction: 0 }

export function tickShown(head: Playhead, newest: number): number {
  return head.tick ?? newest
}

/** Look at a tick; the playing goes on from there if it was. */
export function seek(head: Playhead, tick: number, newest: number): Playhead {
  return { ...head, tick: clamp(Math.round(tick), newest), fraction: 0 }
}

/** Move by some ticks and stand still there. */
export function step(head: Playhead, by: number, newest: number): Playhead {
  return { ...seek(head, tickShown(head, newest) + by, newest), isPlaying: false }
}

/** Play, or stand still. At the newest tick of a session that has ended it plays from the beginning. */
export function toggle(head: Playhead, newest: number, hasEnded: boolean): Playhead {
  if (head.isPlaying) return pause(head, newest)
  if (head.tick === null && !hasEnded) return pause(head, newest)
  const from = tickShown(head, newest) >= newest && hasEnded ? 1 : tickShown(head, newest)
  return { ...head, tick: clamp(from, newest), isPlaying: true, fraction: 0 }
}

export function pause(head: Playhead, newest: number): Playhead {
  return { ...head, tick: clamp(tickShown(head, newest), newest), isPlaying: false, fraction: 0 }
}

export function goLive(head: Playhead): Playhead {
  return { ...head, tick: null, isPlaying: false, fraction: 0 }
}

export function withSpeed(head: Playhead, speed: Speed): Playhead {
  return { ...head, speed }
}

/** The next faster (1) or slower (−1) speed; the last one where there is none. */
export function changedSpeed(head: Playhead, by: 1 | -1): Playhead {
  const place = Math.min(SPEEDS.length - 1, Math.max(0, SPEEDS.indexOf(head.speed) + by))
  return { ...head, speed: SPEEDS[place] ?? head.speed }
}

/** Let time pass. Whoever reaches the newest tick follows it from then on. */
export function advance(head: Playhead, milliseconds: number, newest: number): Playhead {
  if (!head.isPlaying || head.tick === null) return head
  // A frame may have begun before the key that starts the playing; time does not run backwards for that.
  const passed = head.fraction + (Math.max(0, milliseconds) / 1000) * (head.speed === 'max' ? MAX_SPEED : head.speed)
  const tick = head.tick + Math.floor(passed)
  if (tick >= newest) return goLive(head)
  return { ...head, tick, fraction: passed - Math.floor(passed) }
}

/** The nearest of some ascending ticks after (1) or before (−1) the one that is shown; null where there is none. */
export function neighbour(ticks: readonly number[], shown: number, direction: 1 | -1): number | null {
  const found = direction === 1 ? ticks.find((tick) => tick > shown) : ticks.findLast((tick) => tick < shown)
  return found ?? null
}

function clamp(tick: number, newest: number): number {
  return Math.min(Math.max(1, newest), Math.max(1, tick))
}
