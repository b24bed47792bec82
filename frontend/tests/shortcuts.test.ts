import { expect, test } from 'vitest'
import { commandOf, type Command, type KeyPress } from '../src/shortcuts.ts'

const press = (key: string, change: Partial<KeyPress> = {}): KeyPress => ({ key, shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, ...change })

test.each<[string, Partial<KeyPress>, Command | null]>([
  [' ', {}, 'toggle'],
  ['ArrowLeft', {}, 'back'],
  ['ArrowRight', {}, 'on'],
  ['ArrowLeft', { shiftKey: true }, 'back-minute'],
  ['ArrowRight', { shiftKey: true }, 'on-minute'],
  ['n', {}, 'next-trade'],
  ['P', { shiftKey: true }, 'previous-trade'],
  ['[', {}, 'slower'],
  [']', {}, 'faster'],
  ['l', {}, 'live'],
  ['g', {}, 'graph'],
  ['w', {}, 'why'],
  ['t', {}, 'trades'],
  ['E', {}, 'export'],
  ['/', {}, 'filter'],
  ['?', { shiftKey: true }, 'help'],
  ['l', { ctrlKey: true }, null],
  ['ArrowLeft', { altKey: true }, null],
  ['n', { metaKey: true }, null],
  ['x', {}, null],
])('%s %o asks for %s', (key, change, command) => {
  expect(commandOf(press(key, change))).toBe(command)
})
