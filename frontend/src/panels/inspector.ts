/**
 * Why? One node at one moment: each condition by name, its operands, its result, since when, when it was last true, and
 * which one stands in the way. Nobody has to press a button to be told.
 */

import { byId, create, setData, setHidden, setText } from '../dom.ts'
import { timeOfDay } from '../exchange_time.ts'
import { readJson, sentenceOf, stateAfter, type AnswerState } from '../live/answers.ts'
import type { Panel } from '../live/frame_loop.ts'
import { whyRows, whySentence, type WhyDocument, type WhyRow } from '../live/why.ts'
import type { SessionView } from '../session_view.ts'

/** How often the memory of a live session is asked for. */
const LIVE_MS = 1_000
/** How long the reader stays at a tick before the server is asked about it. */
const SETTLED_MS = 80

const VERDICT_WORDS = { true: 'True', false: 'False', missing: 'No value' } as const

export class Inspector implements Panel {
  readonly interval = 100
  readonly #view: SessionView
  readonly #apiUrl: string
  readonly #onChoice: (nodeId: string) => void
  readonly #redraw: () => void
  readonly #section = byId('why')
  readonly #choice = byId<HTMLSelectElement>('why-node')
  readonly #sentence = byId('why-sentence')
  readonly #conditions = byId('why-conditions')
  readonly #parents = byId('why-parents')
  readonly #fault = byId('why-fault')
  #memory: { readonly node: string; readonly document: WhyDocument } | null = null
  /** Whether the reader, the address or the first look at the session has chosen the node. */
  #isChosen = false
  #parentsShown = ''
  #asked = ''
  #isAsking = false
  #timer: ReturnType<typeof setTimeout> | undefined
  /** How the question for the node's memory stands. */
  answer: AnswerState = 'none'

  /**
   * @param apiUrl Of the session, ends in a slash.
   * @param onNode Called with the node that the reader chose.
   * @param onChoice Called with the node that is looked at first, where nobody chose one.
   * @param redraw Ask for a drawing: an answer came.
   */
  constructor(
    view: SessionView,
    apiUrl: string,
    onNode: (nodeId: string) => void,
    onChoice: (nodeId: string) => void,
    redraw: () => void,
  ) {
    this.#view = view
    this.#apiUrl = apiUrl
    this.#redraw = redraw
    this.#onChoice = onChoice
    this.#choice?.addEventListener('change', () => onNode(this.#choice?.value ?? ''))
  }

  get node(): string {
    return this.#choice?.value ?? ''
  }

  select(nodeId: string | null): void {
    const isKnown = [...(this.#choice?.options ?? [])].some((option) => option.value === nodeId)
    if (this.#choice === null || nodeId === null || !isKnown) return
    this.#choice.value = nodeId
    this.#isChosen = true
  }

  /** The name of a node, as the strategy says it. */
  nameOf(nodeId: string): string {
    return [...(this.#choice?.options ?? [])].find((option) => option.value === nodeId)?.text ?? nodeId
  }

  draw(): void {
    if (!this.#isChosen) this.#choose()
    const { node } = this
    if (node === '') return
    this.#remember(node)
    const evaluation = this.#view.evaluations.get(node)
    const memory = this.#memory?.node === node ? this.#memory.document : null
    const isActive = this.#view.state.diagnostics.current_state?.active_nodes.includes(node) ?? false
    const rows = evaluation === undefined ? [] : whyRows(evaluation, memory)
    setText(this.#sentence, evaluation === undefined ? this.#silence(isActive) : whySentence(evaluation, rows, isActive))
    setText(byId('why-time'), timeOfDay(evaluation?.timestamp ?? this.#view.state.diagnostics.current_state?.timestamp))
    setData(this.#section, 'state', isActive ? 'active' : 'idle')
    setData(this.#section, 't', timeOfDay(this.#view.state.diagnostics.current_state?.timestamp))
    this.#showRows(rows)
    this.#showParents(memory)
  }

  /** Of a session that runs, what it waits for is what people ask about first. */
  #choose(): void {
    this.#isChosen = true
    const { store, state, evaluations, isFollowing } = this.#view
    if (!isFollowing || store.completion !== null || this.#choice === null) return
    const active = state.diagnostics.current_state?.active_nodes ?? []
    const options = [...this.#choice.options].map((option) => option.value)
    const waiting = options.find((node) => active.includes(node) && (evaluations.get(node)?.conditions.conditions.length ?? 0) > 1)
    if (waiting === undefined || active.includes(this.#choice.value)) return
    this.#choice.value = waiting
    this.#onChoice(waiting)
  }

  #silence(isActive: boolean): string {
    return isActive ? 'It has no conditions: it acts in its turn.' : 'It was not asked for anything up to this moment.'
  }

  #showRows(rows: readonly WhyRow[]): void {
    const list = this.#conditions
    if (list === null) return
    while (list.children.length > rows.length) list.lastElementChild?.remove()
    while (list.children.length < rows.length) list.append(newRow())
    rows.forEach((row, place) => showRow(list.children[place] as HTMLElement, row))
  }

  #showParents(memory: WhyDocument | null): void {
    const parents = memory?.parents ?? []
    const key = JSON.stringify(parents)
    if (this.#parentsShown === key) return
    this.#parentsShown = key
    const words = parents.flatMap(({ node_id, name, state }, place) => {
      const link = create('a', 'tick-link', name ?? this.nameOf(node_id))
      link.href = `?node=${encodeURIComponent(node_id)}`
      return [place === 0 ? 'Activated by ' : ', ', link, ` (${state})`]
    })
    const wasFollowed = this.#parents?.contains(document.activeElement) === true
    this.#parents?.replaceChildren(...words)
    setHidden(this.#parents, words.length === 0)
    // The link is gone with the node that it led from; the keyboard goes on in the panel.
    if (wasFollowed) this.#section?.querySelector<HTMLElement>('.why-body')?.focus()
  }

  #remember(node: string): void {
    const { isFollowing, tick, store } = this.#view
    if (tick === 0) return
    const isLive = isFollowing && store.completion === null
    const key = isLive ? `${node} ${Math.floor(performance.now() / LIVE_MS)}` : `${node} ${tick}`
    if (this.#asked === key) return
    this.#asked = key
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#ask(node, isLive ? null : tick, key), isLive ? 0 : SETTLED_MS)
  }

  async #ask(node: string, tick: number | null, key: string): Promise<void> {
    if (this.#isAsking) {
      // Asked again with the next drawing.
      if (this.#asked === key) this.#asked = ''
      return
    }
    this.#isAsking = true
    if (this.#memory?.node !== node) this.answer = 'reading'
    try {
      const query = new URLSearchParams({ node, ...(tick === null ? {} : { tick: String(tick) }) })
      this.#memory = { node, document: await readJson<WhyDocument>(`${this.#apiUrl}why/?${query}`) }
      this.answer = 'read'
      this.#showFault(null)
    } catch (error) {
      this.answer = stateAfter(error)
      this.#showFault(sentenceOf(error))
    }
    this.#isAsking = false
    this.#redraw()
  }

  #showFault(fault: string | null): void {
    setHidden(this.#fault, fault === null)
    setText(this.#fault, fault === null ? '' : `Since when and when last cannot be read: ${fault}`)
  }
}

function newRow(): HTMLElement {
  const row = create('li', 'condition')
  const memory = create('span', 'memory')
  memory.append(create('span', 'since'), create('span', 'last-true'), create('a', 'tick-link go-there', 'go there'))
  row.append(create('span', 'verdict'), create('span', 'condition-text'), create('span', 'operands'), memory)
  return row
}

function showRow(node: HTMLElement, row: WhyRow): void {
  setData(node, 'verdict', row.verdict)
  setData(node, 'depth', String(row.depth))
  setData(node, 'blocking', row.isFirstFailing ? 'yes' : 'no')
  const [verdict, text, operands, memory] = node.children
  setText(verdict, VERDICT_WORDS[row.verdict])
  setText(text, row.text)
  setText(operands, row.operands)
  const [since, lastTrue, link] = memory?.children ?? []
  setText(since, row.since === null ? '' : `since ${timeOfDay(row.since.time)}`)
  setText(lastTrue, row.lastTrue === null ? '' : `last true ${timeOfDay(row.lastTrue.time)}`)
  setHidden(link as HTMLElement, row.lastTrue === null)
  if (row.lastTrue !== null) link?.setAttribute('href', `?t=${row.lastTrue.tick}`)
}
