/**
 * The strategy's graph: the picture is the server's, this panel keeps the states in it true, in words, shape and colour.
 */

import type { NodeEventRecord, ViewerState } from 'backtest-stream'
import { byId, setText } from '../dom.ts'
import { timeOfDay } from '../exchange_time.ts'
import type { Panel } from '../live/frame_loop.ts'
import { formatCount } from '../numbers.ts'
import type { SessionView } from '../session_view.ts'
import { kindWords } from './node_words.ts'

export type NodeState = 'idle' | 'active' | 'fired' | 'done'

/** A node shows that it fired for this many market seconds. */
const FIRED_TICKS = 3

export interface NodeActivity {
  readonly count: number
  readonly lastTick: number
  readonly lastTime: string
}

/** How often each node has completed, and when last. */
export function activities(history: ViewerState['diagnostics']['events_history']): ReadonlyMap<string, NodeActivity> {
  const found = new Map<string, NodeActivity>()
  for (const event of Object.values<NodeEventRecord>(history)) {
    const count = (found.get(event.node_id)?.count ?? 0) + 1
    found.set(event.node_id, { count, lastTick: event.tick ?? 0, lastTime: event.timestamp })
  }
  return found
}

export function nodeState(isActive: boolean, activity: NodeActivity | undefined, tick: number): NodeState {
  if (activity !== undefined && tick - activity.lastTick < FIRED_TICKS && tick >= activity.lastTick) return 'fired'
  if (isActive) return 'active'
  return activity === undefined ? 'idle' : 'done'
}

/** "active", "fired ×3", "done ×2": as it stands in the node. */
export function stateWords(state: NodeState, activity: NodeActivity | undefined): string {
  return activity === undefined ? state : `${state} ×${formatCount(activity.count)}`
}

interface GraphNode {
  readonly id: string
  readonly group: SVGGElement
  readonly state: Element | null
  readonly name: string
  readonly kind: string
}

export class GraphPanel implements Panel {
  readonly interval = 66
  readonly #view: SessionView
  readonly #nodes: readonly GraphNode[]
  readonly #edges: readonly SVGElement[]
  readonly #figure = byId('graph')
  #history: unknown = null
  #activities: ReadonlyMap<string, NodeActivity> = new Map()
  #selected: string | null = null

  /** @param onNode Called with the node that was clicked or chosen by Enter or Space. */
  constructor(view: SessionView, onNode: (nodeId: string) => void) {
    this.#view = view
    const groups = [...(this.#figure?.querySelectorAll<SVGGElement>('[data-node-id]') ?? [])]
    this.#nodes = groups.map((group) => ({
      id: group.dataset['nodeId'] ?? '',
      group,
      state: group.querySelector('.node-state'),
      name: group.dataset['name'] ?? '',
      kind: kindWords(group.dataset['kind'] ?? ''),
    }))
    this.#edges = [...(this.#figure?.querySelectorAll<SVGElement>('.graph-edge') ?? [])]
    for (const { group, id } of this.#nodes) {
      group.addEventListener('click', () => onNode(id))
      group.addEventListener('keydown', (event) => {
        if (event.key !== 'Enter' && event.key !== ' ') return
        event.preventDefault()
        event.stopPropagation()
        onNode(id)
      })
    }
  }

  select(nodeId: string | null): void {
    this.#selected = nodeId
    for (const { group, id } of this.#nodes) group.setAttribute('aria-pressed', String(id === nodeId))
  }

  focus(): void {
    const chosen = this.#nodes.find(({ id }) => id === this.#selected) ?? this.#nodes[0]
    chosen?.group.focus()
  }

  draw(): void {
    const { state, tick } = this.#view
    const current = state.diagnostics.current_state
    const active = new Set(current?.active_nodes ?? [])
    if (this.#history !== state.diagnostics.events_history) {
      this.#history = state.diagnostics.events_history
      this.#activities = activities(state.diagnostics.events_history)
    }
    for (const node of this.#nodes) this.#show(node, active.has(node.id), current?.tick ?? tick)
    for (const edge of this.#edges) setFlag(edge, 'lit', active.has(edge.dataset['target'] ?? ''))
    const activeCount = this.#nodes.filter(({ id }) => active.has(id)).length
    setText(byId('graph-count'), `${activeCount} active of ${this.#nodes.length}`)
    if (this.#figure !== null && current !== null) this.#figure.dataset['t'] = timeOfDay(current.timestamp)
  }

  #show({ id, group, state, name, kind }: GraphNode, isActive: boolean, tick: number): void {
    const activity = this.#activities.get(id)
    const status = nodeState(isActive, activity, tick)
    const words = stateWords(status, activity)
    if (group.dataset['status'] === status && state?.textContent === words) return
    group.dataset['status'] = status
    setText(state, words)
    const last = activity === undefined ? '' : `, last at ${timeOfDay(activity.lastTime)}`
    // The words that are seen come first and in their order, for those who speak to their computer (WCAG 2.5.3).
    group.setAttribute('aria-label', `${name} ${words}, ${kind}${last}`)
  }
}

function setFlag(node: SVGElement, name: string, isSet: boolean): void {
  const value = isSet ? 'yes' : 'no'
  if (node.dataset[name] !== value) node.dataset[name] = value
}
