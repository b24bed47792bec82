/** Tables whose rows are used again: a row that stays is changed, not made anew. */

import { create, setHidden, setText } from '../dom.ts'

export interface Cell {
  readonly text: string
  /** "profit", "loss" or "" : the colour; the text carries the sign all the same. */
  readonly tone?: string
}

/** Rows beyond this many are not drawn; the table says how many there are. */
export const MOST_ROWS = 200

export class RowPool {
  readonly #body: HTMLTableSectionElement
  readonly #empty: HTMLElement | null
  readonly #count: Element | null
  readonly #cellClasses: readonly string[]

  /** @param id Of the section, with a table, an `.empty` paragraph and a `.count` in it. */
  constructor(section: HTMLElement, cellClasses: readonly string[]) {
    const body = section.querySelector('tbody')
    if (body === null) throw new Error(`The section ${section.id} has no table body.`)
    this.#body = body
    this.#empty = section.querySelector('.empty')
    this.#count = section.querySelector('.count')
    this.#cellClasses = cellClasses
  }

  /** Show exactly these rows, at most MOST_ROWS of them. */
  show(rows: readonly (readonly Cell[])[]): void {
    const shown = rows.slice(0, MOST_ROWS)
    while (this.#body.rows.length > shown.length) this.#body.deleteRow(-1)
    while (this.#body.rows.length < shown.length) this.#body.append(this.#newRow())
    shown.forEach((cells, rowIndex) => {
      const row = this.#body.rows[rowIndex]
      cells.forEach((cell, cellIndex) => {
        const node = row?.cells[cellIndex]
        if (node === undefined) return
        setText(node, cell.text)
        const tone = cell.tone ?? ''
        if ((node.dataset['tone'] ?? '') !== tone) node.dataset['tone'] = tone
      })
    })
    setHidden(this.#empty, rows.length > 0)
    setHidden(this.#body.closest('table'), rows.length === 0)
    setText(this.#count, rows.length > shown.length ? `showing ${shown.length} of ${rows.length}` : String(rows.length))
  }

  #newRow(): HTMLTableRowElement {
    const row = create('tr')
    for (const className of this.#cellClasses) row.append(create('td', className))
    return row
  }
}
