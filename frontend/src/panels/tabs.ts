/**
 * Tabs: which of the tables stands below the charts, and on a narrow screen which one panel is seen at all.
 *
 * The choice is a mark on the page; the style sheet does the rest, so that without scripts everything is in sight.
 */

import type { Tab } from '../links.ts'

export class Tabs {
  readonly #root: HTMLElement
  readonly #buttons: readonly HTMLButtonElement[]

  constructor(root: HTMLElement, onTab: (tab: Tab) => void) {
    this.#root = root
    root.dataset['table'] ??= 'trades'
    this.#buttons = [...root.querySelectorAll<HTMLButtonElement>('button[data-tab]')]
    for (const list of root.querySelectorAll<HTMLElement>('[role=tablist]')) {
      list.hidden = false
      list.addEventListener('keydown', (event) => this.#move(event, list))
      list.addEventListener('click', (event) => {
        const button = (event.target as Element).closest<HTMLButtonElement>('button[data-tab]')
        if (button !== null) onTab(button.dataset['tab'] as Tab)
      })
    }
  }

  show(tab: Tab): void {
    this.#root.dataset['tab'] = tab
    const isTable = TABLES.has(tab)
    if (isTable) this.#root.dataset['table'] = tab
    for (const button of this.#buttons) {
      const isChosen = button.dataset['tab'] === tab || (!isTable && button.dataset['tab'] === this.#root.dataset['table'] && button.closest('.tabs-tables') !== null)
      button.setAttribute('aria-selected', String(isChosen))
      button.tabIndex = isChosen ? 0 : -1
    }
    // A list with no chosen tab is still reached by the keyboard.
    for (const list of this.#root.querySelectorAll('[role=tablist]')) {
      const buttons = [...list.querySelectorAll<HTMLButtonElement>('button[data-tab]')]
      if (!buttons.some((button) => button.tabIndex === 0) && buttons[0] !== undefined) buttons[0].tabIndex = 0
    }
  }

  #move(event: KeyboardEvent, list: HTMLElement): void {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
    if (by === undefined) return
    const buttons = [...list.querySelectorAll<HTMLButtonElement>('button[data-tab]')].filter((button) => button.offsetParent !== null)
    const place = buttons.indexOf(document.activeElement as HTMLButtonElement)
    const next = buttons[(place + by + buttons.length) % buttons.length]
    event.preventDefault()
    next?.focus()
    next?.click()
  }
}

const TABLES: ReadonlySet<string> = new Set(['positions', 'trades', 'events', 'nodes'] satisfies Tab[])
