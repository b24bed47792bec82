/** Where tags stand so that none covers another: each as near to its own place as the others let it. */

/**
 * @param wanted Middles of the tags, any order and place.
 * @param height Of a tag with the air around it.
 * @param top Of the room that they have; they fit into it, or stand from its top on.
 * @returns The middles, in the same order.
 */
export function placeTags(wanted: readonly number[], height: number, top: number, bottom: number): readonly number[] {
  const order = wanted.map((_y, place) => place).sort((one, other) => (wanted[one] ?? 0) - (wanted[other] ?? 0))
  const placed = wanted.map((y) => Math.min(Math.max(y, top + height / 2), bottom - height / 2))
  let before = Number.NEGATIVE_INFINITY
  for (const place of order) before = placed[place] = Math.max(placed[place] ?? 0, before + height)
  // What was pushed out at the bottom pushes the others back up.
  let after = bottom + height / 2
  for (const place of order.toReversed()) after = placed[place] = Math.min(placed[place] ?? 0, after - height)
  return placed
}
