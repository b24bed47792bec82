/**
 * Keys of the page. None acts while somebody types or with a modifier held, and all can be turned off (WCAG 2.1.4).
 */

export const COMMANDS = [
  'toggle',
  'back',
  'on',
  'back-minute',
  'on-minute',
  'previous-trade',
  'next-trade',
  'slower',
  'faster',
  'live',
  'graph',
  'why',
  'trades',
  'export',
  'filter',
  'help',
] as const
export type Command = (typeof COMMANDS)[number]

export interface KeyPress {
  readonly key: string
  readonly shiftKey: boolean
  readonly ctrlKey: boolean
  readonly metaKey: boolean
  readonly altKey: boolean
}

const KEYS: { readonly [key: string]: Command } = {
  ' ': 'toggle',
  ArrowLeft: 'back',
  ArrowRight: 'on',
  n: 'next-trade',
  p: 'previous-trade',
  '[': 'slower',
  ']': 'faster',
  l: 'live',
  g: 'graph',
  w: 'why',
  t: 'trades',
  e: 'export',
  '/': 'filter',
  '?': 'help',
}

/** What a key press asks for; null for nothing. */
export function commandOf(press: KeyPress): Command | null {
  if (press.ctrlKey || press.metaKey || press.altKey) return null
  const command = KEYS[press.key.length === 1 ? press.key.toLowerCase() : press.key] ?? null
  if (press.shiftKey && command === 'back') return 'back-minute'
  if (press.shiftKey && command === 'on') return 'on-minute'
  return command
}

/** Whether a key belongs to the element that has the focus: a field that is typed in, a button that Space presses. */
export function belongsTo(target: EventTarget | null, key: string): boolean {
  if (!(target instanceof Element)) return false
  if (target.closest('dialog[open]') !== null) return true
  if (target.closest('textarea, select, [contenteditable]:not([contenteditable=false])') !== null) return true
  const field = target.closest('input')
  if (field !== null) return field.type !== 'range' && field.type !== 'checkbox' ? true : key === ' ' || key.startsWith('Arrow')
  const isPressed = key === ' ' && target.closest('button, a[href], summary, [role=button], [role=tab]') !== null
  return isPressed || (key.startsWith('Arrow') && target.closest('[role=tablist], .table-scroll') !== null)
}

const STORAGE_KEY = 'shortcuts'

export function areShortcutsOn(): boolean {
  try {
    return localStorage.getItem(STORAGE_KEY) !== 'off'
  } catch {
    return true
  }
}

export function keepShortcuts(isOn: boolean): void {
  try {
    localStorage.setItem(STORAGE_KEY, isOn ? 'on' : 'off')
  } catch {
    // Storage is refused in some private windows; the keys then stay on.
  }
}
