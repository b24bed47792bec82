/**
 * The strategy's nodes: active or not, how often each completed, and the last evaluation of every condition.
 *
 * This is the answer to "why did the entry not fire": each condition with its operands, true or false, and the first one
 * that stands in the way. The cards themselves are the template's; this panel keeps them true.
 */

import type { EvaluatedGroup } from 'backtest-stream'
import { byId, create, setData, setHidden, setText } from '../dom.ts'
import { timeOfDay } from '../exchange_time.ts'
import { conditionRows, groupWords, tally, type ConditionRow, type NodeEvaluation } from '../live/evaluations.ts'
import type { Panel } from '../live/frame_loop.ts'
import { activities, type NodeActivity } from './graph.ts'
import type { SessionView } from '../session_view.ts'

type NodeStatus = 'active' | 'done' | 'idle'

const STATUS_WORDS: { readonly [Status in NodeStatus]: string } = { active: 'Active', done: 'Done', idle: 'Idle' }
const VERDICT_WORDS = { true: 'True', false: 'False', missing: 'No value' } as const

export class NodesPanel implements Panel {
  readonly interval = 100
  readonly #view: SessionView
  readonly #cards: readonly NodeCard[]
  readonly #summary = byId('nodes-count')
  readonly #list = byId('node-list')
  #history: unknown = null
  #activities: ReadonlyMap<string, NodeActivity> = new Map()

  constructor(view: SessionView) {
    this.#view = view
    this.#cards = [...document.querySelectorAll<HTMLElement>('.node[data-node-id]')].map((node) => new NodeCard(node))
    wireFilter()
  }

  draw(): void {
    const { state, evaluations } = this.#view
    const active = new Set(state.diagnostics.current_state?.active_nodes ?? [])
    this.#countCompletions()
    for (const card of this.#cards) {
      card.show(active.has(card.nodeId), this.#activities.get(card.nodeId), evaluations.get(card.nodeId))
    }
    const activeCount = this.#cards.filter((card) => active.has(card.nodeId)).length
    setText(this.#summary, `${activeCount} active of ${this.#cards.length}`)
    setData(this.#list, 'active', String(activeCount))
  }

  #countCompletions(): void {
    const history = this.#view.state.diagnostics.events_history
    if (this.#history === history) return
    this.#history = history
    this.#activities = activities(history)
  }
}

class NodeCard {
  readonly nodeId: string
  readonly #card: HTMLElement
  readonly #status: Element | null
  readonly #completed: Element | null
  readonly #verdict: HTMLElement | null
  readonly #conditions: HTMLElement | null

  constructor(card: HTMLElement) {
    this.#card = card
    this.nodeId = card.dataset['nodeId'] ?? ''
    this.#status = card.querySelector('.node-status')
    this.#completed = card.querySelector('.node-completed')
    this.#verdict = card.querySelector('.node-verdict')
    this.#conditions = card.querySelector('.conditions')
  }

  show(isActive: boolean, completions: NodeActivity | undefined, evaluation: NodeEvaluation | undefined): void {
    const status: NodeStatus = isActive ? 'active' : completions === undefined ? 'idle' : 'done'
    setData(this.#card, 'status', status)
    setText(this.#status, STATUS_WORDS[status])
    setText(this.#completed, completionWords(completions))
    setText(this.#verdict, evaluation === undefined ? '' : verdictWords(evaluation))
    setHidden(this.#verdict, evaluation === undefined)
    if (evaluation !== undefined) this.#showConditions(evaluation.conditions)
  }

  #showConditions(group: EvaluatedGroup): void {
    const list = this.#conditions
    if (list === null) return
    const rows = conditionRows(group)
    while (list.children.length > rows.length) list.lastElementChild?.remove()
    while (list.children.length < rows.length) list.append(newConditionRow())
    rows.forEach((row, index) => showConditionRow(list.children[index] as HTMLElement, row))
  }
}

function completionWords(completions: NodeActivity | undefined): string {
  if (completions === undefined) return 'not completed yet'
  return `completed ${completions.count}×, last ${timeOfDay(completions.lastTime)}`
}

function verdictWords({ conditions, timestamp }: NodeEvaluation): string {
  return `${groupWords(conditions)} · ${tally(conditions)} · ${timeOfDay(timestamp)}`
}

function newConditionRow(): HTMLElement {
  const row = create('li', 'condition')
  row.append(create('span', 'verdict'), create('span', 'condition-text'), create('span', 'operands'))
  return row
}

function showConditionRow(node: HTMLElement, row: ConditionRow): void {
  setData(node, 'verdict', row.verdict)
  setData(node, 'depth', String(row.depth))
  setData(node, 'blocking', row.isFirstFailing ? 'yes' : 'no')
  const [verdict, text, operands] = node.children
  setText(verdict, VERDICT_WORDS[row.verdict])
  setText(text, row.text)
  setText(operands, row.operands)
}

/** "All" or "Active": hides cards by a mark on the list, so that a node that becomes active appears by itself. */
function wireFilter(): void {
  const list = byId('node-list')
  const buttons = [...document.querySelectorAll<HTMLButtonElement>('button[data-node-filter]')]
  for (const button of buttons) {
    setHidden(button.parentElement, false)
    button.addEventListener('click', () => {
      setData(list, 'filter', button.dataset['nodeFilter'] ?? 'all')
      for (const other of buttons) other.setAttribute('aria-pressed', String(other === button))
    })
  }
}
