/**
 * Tables that hold any number of rows and keep at most forty of them in the document: a page of rows, used again and
 * again. A row that stays is changed, not made anew; how many there are is always said.
 */

import { byId, create, setHidden, setText } from '../dom.ts'
import { formatCount } from '../numbers.ts'

export interface Cell {
  readonly text: string
  /** "profit", "loss" or "": the colour; the text carries the sign all the same. */
  readonly tone?: string
  /** The tick to which the cell leads, and the node that is looked at there. */
  readonly tick?: number
  readonly node?: string
}

/** Rows in the document at once. */
export const PAGE_ROWS = 40

export interface RowsShown {
  /** Rows that are left by the filter. */
  readonly count: number
  /** Rows in all, filtered or not. */
  readonly total: number
  /** What the filter keeps, in words; empty where there is none. */
  readonly filter: string
  readonly rowAt: (index: number) => readonly Cell[]
}

export class RowPool {
  readonly #body: HTMLTableSectionElement
  readonly #empty: HTMLElement | null
  readonly #count: Element | null
  readonly #cellClasses: readonly string[]
  readonly #pager: Pager
  #shown: RowsShown = { count: 0, total: 0, filter: '', rowAt: () => [] }
  #page = 0

  /** @param section With a table, an `.empty` paragraph and a `.count` in it. */
  constructor(section: HTMLElement, cellClasses: readonly string[]) {
    const body = section.querySelector('tbody')
    if (body === null) throw new Error(`The section ${section.id} has no table body.`)
    this.#body = body
    this.#empty = section.querySelector('.empty')
    this.#count = section.querySelector('.count')
    this.#cellClasses = cellClasses
    this.#pager = new Pager(section, (by) => {
      this.#page += by
      this.show(this.#shown)
    })
  }

  show(rows: RowsShown): void {
    this.#shown = rows
    const pages = Math.max(1, Math.ceil(rows.count / PAGE_ROWS))
    this.#page = Math.min(Math.max(0, this.#page), pages - 1)
    const from = this.#page * PAGE_ROWS
    const through = Math.min(rows.count, from + PAGE_ROWS)
    while (this.#body.rows.length > through - from) this.#body.deleteRow(-1)
    while (this.#body.rows.length < through - from) this.#body.append(this.#newRow())
    for (let index = from; index < through; index += 1) {
      const row = this.#body.rows[index - from]
      rows.rowAt(index).forEach((cell, place) => showCell(row?.cells[place], cell))
    }
    setHidden(this.#empty, rows.count > 0)
    setHidden(this.#body.closest('table'), rows.count === 0)
    setText(this.#count, countWords(rows))
    this.#pager.show(from, through, rows.count)
  }

  /** Back to the first page: the filter has changed. */
  rewind(): void {
    this.#page = 0
  }

  #newRow(): HTMLTableRowElement {
    const row = create('tr')
    for (const className of this.#cellClasses) row.append(create('td', className))
    return row
  }
}

/** "10", or "showing 3 of 40 (entry signals)": nothing is hidden without being counted. */
export function countWords({ count, total, filter }: Omit<RowsShown, 'rowAt'>): string {
  if (count === total) return formatCount(total)
  return `showing ${formatCount(count)} of ${formatCount(total)}${filter === '' ? '' : ` (${filter})`}`
}

function showCell(node: HTMLTableCellElement | undefined, cell: Cell): void {
  if (node === undefined) return
  const tone = cell.tone ?? ''
  if ((node.dataset['tone'] ?? '') !== tone) node.dataset['tone'] = tone
  if (cell.tick === undefined) {
    if (node.firstElementChild !== null) node.replaceChildren()
    setText(node, cell.text)
    return
  }
  let link = node.querySelector('a')
  if (link === null) {
    link = create('a', 'tick-link')
    node.replaceChildren(link)
  }
  const address = `?t=${cell.tick}${cell.node === undefined ? '' : `&node=${encodeURIComponent(cell.node)}`}`
  if (link.getAttribute('href') !== address) link.setAttribute('href', address)
  setText(link, cell.text)
}

/** "1–40 of 1,904" with a button to either side; away while everything fits. */
class Pager {
  readonly #nav = create('nav', 'pages')
  readonly #words = create('span', 'muted')
  readonly #newer = create('button', 'quiet-button', 'Newer')
  readonly #older = create('button', 'quiet-button', 'Older')

  constructor(section: HTMLElement, turn: (by: number) => void) {
    this.#nav.hidden = true
    this.#nav.setAttribute('aria-label', `Pages of ${byId(section.getAttribute('aria-labelledby') ?? '')?.firstChild?.textContent?.trim() ?? 'the table'}`)
    for (const button of [this.#newer, this.#older]) button.type = 'button'
    this.#newer.addEventListener('click', () => turn(-1))
    this.#older.addEventListener('click', () => turn(1))
    this.#nav.append(this.#newer, this.#words, this.#older)
    section.append(this.#nav)
  }

  show(from: number, through: number, count: number): void {
    setHidden(this.#nav, count <= PAGE_ROWS)
    setText(this.#words, `${formatCount(from + 1)}–${formatCount(through)} of ${formatCount(count)}`)
    this.#newer.disabled = from === 0
    this.#older.disabled = through >= count
  }
}
