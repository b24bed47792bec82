import { expect, test } from 'vitest'
import type { NodeEventRecord } from 'backtest-stream'
import type uPlot from 'uplot'
import { quietSpells } from '../../src/panels/chart_drawing.ts'
import { cancelWords } from '../../src/panels/control.ts'
import { secondsOf } from '../../src/panels/explain.ts'
import { activities, nodeState, stateWords } from '../../src/panels/graph.ts'
import { countWords } from '../../src/panels/rows.ts'
import { filteredEvents } from '../../src/panels/tables.ts'

const event = (node_id: string, tick: number, change: Partial<NodeEventRecord> = {}): NodeEventRecord =>
  ({ node_id, node_name: node_id, node_type: 'EntryNode', tick, timestamp: `t${tick}`, ...change }) as NodeEventRecord

test('a node says how often it completed, and that it has just fired', () => {
  const found = activities({ a: event('put', 10), b: event('call', 12), c: event('put', 40) })
  const put = found.get('put')

  expect(put).toEqual({ count: 2, lastTick: 40, lastTime: 't40' })
  expect([39, 40, 42, 43].map((tick) => nodeState(false, put, tick))).toEqual(['done', 'fired', 'fired', 'done'])
  expect([nodeState(true, put, 90), nodeState(true, undefined, 5), nodeState(false, undefined, 5)]).toEqual(['active', 'active', 'idle'])
  expect([stateWords('fired', put), stateWords('idle', undefined)]).toEqual(['fired ×2', 'idle'])
})

test('nothing is hidden without being counted', () => {
  expect(countWords({ count: 40, total: 40, filter: '' })).toBe('40')
  expect(countWords({ count: 212, total: 1_904, filter: 'Entry' })).toBe('showing 212 of 1,904 (Entry)')
})

test('the feed is narrowed by kind and by words', () => {
  const events = [event('Sell put', 1), event('Sell call', 2), event('Put stop', 3, { node_type: 'ExitSignalNode', conditions_preview: 'RSI < 30' })]
  const names = (filter: { kind: string; text: string }): string[] => filteredEvents(events, filter).map(({ node_name }) => node_name)

  expect(names({ kind: '', text: '' })).toHaveLength(3)
  expect(names({ kind: 'EntryNode', text: '' })).toEqual(['Sell put', 'Sell call'])
  expect(names({ kind: '', text: 'rsi' })).toEqual(['Put stop'])
  expect(names({ kind: 'EntryNode', text: 'PUT' })).toEqual(['Sell put'])
})

test.each([
  ['10:42', 38_520],
  [' 9:05:07 ', 32_707],
  ['24:00', null],
  ['10:6', null],
  ['noon', null],
])('a typed time is read: %s', (text, seconds) => {
  expect(secondsOf(text)).toBe(seconds)
})

test('a cancelled session says by whom and when', () => {
  const asked = { total_ticks: null, cancel_requested: true, cancel_requested_by: 'alice', cancel_requested_at: '2024-10-29T14:03:22+05:30' }

  expect(cancelWords({ ...asked, state: 'running' })).toBe('alice asked to cancel at 14:03:22; the worker stops at the next batch.')
  expect(cancelWords({ ...asked, state: 'cancelled' })).toBe('Cancelled by alice at 14:03:22.')
  expect(cancelWords({ state: 'running', total_ticks: null })).toBe('')
})

test('a contract has no line where its price was only carried on', () => {
  const times = [0, 1, 2, 400, 901, 902, 903, 5_000, 5_001, 9_000]
  const prices = [7, 8, 8, 8, 8, 9, 10, 11, 12, 12]
  const plot = { data: [times, prices], valToPos: (time: number) => time * 2 } as unknown as uPlot

  expect(quietSpells(plot, 1, 0, 9, [])).toEqual([[2, 1_804], [1_806, 10_000], [10_002, 18_000]])
  expect(quietSpells(plot, 1, 0, 3, [[1, 2]])).toEqual([[1, 2]])
  expect(quietSpells(plot, 1, 5, 6, [])).toEqual([])
})
