/**
 * Why a node did or did not fire, put together from two tellers: the stream, which has each condition's operands as they
 * are, and the server's memory, which knows since when a result holds and when the condition was last true.
 */

import { conditionRows, groupWords, tally, type ConditionRow, type NodeEvaluation } from './evaluations.ts'

/** One entry of the server's answer: a comparison, or a group before what it holds. */
export interface WhyCondition {
  readonly id?: string
  readonly raw?: string
  readonly depth?: number
  readonly result: boolean
  readonly since_tick: number | null
  readonly since_time: string | null
  readonly last_true_tick: number | null
  readonly last_true_time: string | null
}

/** GET …/why/?node=&tick= */
export interface WhyDocument {
  readonly tick: number
  readonly state: string
  readonly activations: number
  readonly last_tick: number | null
  readonly last_time?: string | null
  readonly conditions: readonly WhyCondition[]
  readonly parents: readonly { readonly node_id: string; readonly name?: string; readonly state: string }[]
  readonly blocker: unknown
}

export interface WhyRow extends ConditionRow {
  readonly since: { readonly tick: number; readonly time: string } | null
  readonly lastTrue: { readonly tick: number; readonly time: string } | null
}

/** The evaluation's rows, each with what the server remembers of it. Both flatten alike, so that places match. */
export function whyRows(evaluation: NodeEvaluation, memory: WhyDocument | null): readonly WhyRow[] {
  return conditionRows(evaluation.conditions).map((row, place) => {
    const known = memory?.conditions[place]
    // The stream may be ahead: what is remembered of the other result is not about this one.
    const isSame = known !== undefined && known.result === (row.verdict === 'true')
    return {
      ...row,
      since: isSame ? moment(known.since_tick, known.since_time) : null,
      lastTrue: known === undefined || row.verdict === 'true' ? null : moment(known.last_true_tick, known.last_true_time),
    }
  })
}

function moment(tick: number | null, time: string | null): { readonly tick: number; readonly time: string } | null {
  return tick === null || time === null ? null : { tick, time }
}

/** What stands in the way, in a sentence; what happened, where nothing does. */
export function whySentence(evaluation: NodeEvaluation, rows: readonly WhyRow[], isActive: boolean): string {
  const { conditions } = evaluation
  const share = `${groupWords(conditions)}: ${tally(conditions)}`
  if (conditions.result) return isActive ? `Its conditions hold (${share}).` : `It fired: its conditions held (${share}).`
  const failing = rows.find((row) => row.isFirstFailing)
  const blocker = failing === undefined ? 'none of its conditions holds' : `first failing: ${failing.text}`
  return isActive ? `Waiting — ${blocker} (${share}).` : `Not active now. When last asked — ${blocker} (${share}).`
}

/** One entry of the answer to "why not, in this range?". */
export interface ExplainedNode {
  readonly node_id: string
  readonly node_name: string
  readonly node_type: string
  readonly ticks: number
  readonly evaluated: number
  readonly signals: number
  readonly reasons: { readonly [reason: string]: number }
  readonly conditions: readonly {
    readonly raw: string
    readonly nearest_miss: { readonly tick: number; readonly timestamp: string; readonly evaluated: string } | null
  }[]
  readonly closest_turn: { readonly tick: number; readonly timestamp: string } | null
}

export interface ExplainDocument {
  readonly from: string
  readonly to: string
  readonly ticks: number
  readonly nodes: readonly ExplainedNode[]
}

export interface ReasonShare {
  readonly reason: string
  readonly ticks: number
  /** 0 to 1, of the range's ticks. */
  readonly share: number
  /** When the condition came nearest to being true without being it; null for other reasons. */
  readonly nearestMiss: { readonly tick: number; readonly timestamp: string; readonly evaluated: string } | null
}

/** What stood in a node's way, and for what share of the range, the longest first. */
export function reasonShares(node: ExplainedNode): readonly ReasonShare[] {
  return Object.entries(node.reasons)
    .map(([reason, ticks]) => {
      const condition = node.conditions.find(({ raw }) => reason.endsWith(`: ${raw}`))
      return { reason, ticks, share: node.ticks === 0 ? 0 : ticks / node.ticks, nearestMiss: condition?.nearest_miss ?? null }
    })
    .sort((one, other) => other.ticks - one.ticks)
}
