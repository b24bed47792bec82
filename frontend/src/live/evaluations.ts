/**
 * Why a node did or did not fire: the last evaluation of its conditions, flattened for reading.
 *
 * A tick tells of the nodes that ran in it; a node event of one that completed. What is remembered per node is the newest
 * of the two, with its time, for a node that is no longer active is not evaluated any more.
 */

import type { EvaluatedCondition, EvaluatedGroup, NodeExecution, TickUpdate, Timestamp, ViewerState } from 'backtest-stream'

export interface NodeEvaluation {
  readonly conditions: EvaluatedGroup
  readonly timestamp: Timestamp
}

export type Evaluations = Map<string, NodeEvaluation>

/** Remember what a tick's nodes found. */
export function rememberTick(evaluations: Evaluations, tick: TickUpdate): void {
  for (const execution of Object.values(tick.node_executions)) remember(evaluations, execution, tick.timestamp)
}

/** Remember everything that a state holds: the completions in their order, then its tick. */
export function rememberState(evaluations: Evaluations, state: ViewerState): void {
  for (const event of Object.values(state.diagnostics.events_history)) remember(evaluations, event, event.timestamp)
  if (state.diagnostics.current_state !== null) rememberTick(evaluations, state.diagnostics.current_state)
}

/** Remember one execution, unless a later one is remembered already. Both times are exchange time in one form. */
export function remember(evaluations: Evaluations, execution: NodeExecution, timestamp: Timestamp): void {
  const conditions = execution.evaluated_conditions
  const known = evaluations.get(execution.node_id)
  if (conditions == null || (known !== undefined && known.timestamp > timestamp)) return
  evaluations.set(execution.node_id, { conditions, timestamp })
}

export type Verdict = 'true' | 'false' | 'missing'

export interface ConditionRow {
  /** 0 for the conditions of the outermost group. */
  readonly depth: number
  /** "Previous[TI.1m.rsi(14,close)] < 30", or "any of" for a group inside a group. */
  readonly text: string
  /** "26.97 < 30.00"; for a missing value the reason. */
  readonly operands: string
  readonly verdict: Verdict
  /** Whether this is the condition that keeps an AND from being true: its first false one. */
  readonly isFirstFailing: boolean
}

/** The rows to show for an evaluation, groups before what they hold. */
export function conditionRows(group: EvaluatedGroup, depth = 0): ConditionRow[] {
  const firstFailing = group.logic === 'AND' ? group.conditions.findIndex((condition) => !condition.result) : -1
  return group.conditions.flatMap((condition, index) => {
    const isFirstFailing = index === firstFailing
    if (!isGroup(condition)) return [{ ...conditionRow(condition, depth), isFirstFailing }]
    const row: ConditionRow = {
      depth,
      text: groupWords(condition),
      operands: '',
      verdict: condition.result ? 'true' : 'false',
      isFirstFailing,
    }
    return [row, ...conditionRows(condition, depth + 1)]
  })
}

/** "all of" or "any of". */
export function groupWords(group: EvaluatedGroup): string {
  return group.logic === 'OR' ? 'any of' : 'all of'
}

/** How many of the single conditions are true: "2 of 3 true". */
export function tally(group: EvaluatedGroup): string {
  const singles = conditionRows(group).filter((row) => row.operands !== '' || row.verdict === 'missing')
  return `${singles.filter((row) => row.verdict === 'true').length} of ${singles.length} true`
}

function conditionRow(condition: EvaluatedCondition, depth: number): Omit<ConditionRow, 'isFirstFailing'> {
  const isMissing = condition.reason != null && condition.reason !== ''
  return {
    depth,
    text: condition.raw,
    operands: isMissing ? (condition.reason ?? '') : condition.evaluated,
    verdict: isMissing ? 'missing' : condition.result ? 'true' : 'false',
  }
}

function isGroup(condition: EvaluatedCondition | EvaluatedGroup): condition is EvaluatedGroup {
  return 'conditions' in condition
}
