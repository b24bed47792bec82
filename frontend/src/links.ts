/**
 * What the page shows, as its address: a link opens the same view on another machine, and Back goes back.
 *
 * Only what differs from the page as it opens by itself is written.
 */

export const TABS = ['chart', 'why', 'graph', 'positions', 'trades', 'events', 'nodes'] as const
export type Tab = (typeof TABS)[number]
export const TIMEFRAMES = ['tick', '5s', '1m'] as const
export type Timeframe = (typeof TIMEFRAMES)[number]

export interface Place {
  /** The tick that is looked at; null follows the newest. */
  readonly tick: number | null
  readonly node: string | null
  /** First and last tick of the selected range. */
  readonly range: readonly [number, number] | null
  readonly tab: Tab | null
  readonly timeframe: Timeframe
  /** What the feed is narrowed to: a kind of node ("" for all), and a text. */
  readonly kind: string
  readonly text: string
}

export const NOWHERE: Place = { tick: null, node: null, range: null, tab: null, timeframe: 'tick', kind: '', text: '' }

/** Read a query string. What cannot be understood is left out: an old link still opens the page. */
export function readPlace(search: string): Place {
  const query = new URLSearchParams(search)
  const tab = query.get('tab')
  const timeframe = query.get('tf')
  return {
    tick: wholeNumber(query.get('t')),
    node: query.get('node'),
    range: readRange(query.get('range')),
    tab: TABS.find((known) => known === tab) ?? null,
    timeframe: TIMEFRAMES.find((known) => known === timeframe) ?? 'tick',
    kind: query.get('kind') ?? '',
    text: query.get('q') ?? '',
  }
}

/** Write a query string with its question mark; empty where there is nothing to say. */
export function writePlace(place: Place): string {
  const query = new URLSearchParams()
  if (place.tick !== null) query.set('t', String(place.tick))
  if (place.node !== null) query.set('node', place.node)
  if (place.range !== null) query.set('range', place.range.join('-'))
  if (place.tab !== null) query.set('tab', place.tab)
  if (place.timeframe !== 'tick') query.set('tf', place.timeframe)
  if (place.kind !== '') query.set('kind', place.kind)
  if (place.text !== '') query.set('q', place.text)
  const text = query.toString()
  return text === '' ? '' : `?${text}`
}

function readRange(text: string | null): readonly [number, number] | null {
  const [first, last, ...more] = (text ?? '').split('-').map(wholeNumber)
  if (first == null || last == null || more.length > 0 || first > last) return null
  return [first, last]
}

function wholeNumber(text: string | null): number | null {
  return text !== null && /^[1-9]\d{0,8}$/.test(text) ? Number(text) : null
}
