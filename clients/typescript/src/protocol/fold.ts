/**
 * What the messages of a session add up to.
 *
 * A viewer's state is two documents, diagnostics and trades, and the id of the newest message in them. The fold is the
 * only meaning that messages have: folding all of them from 0 gives exactly the state inside `backtest_complete` (S4).
 */

import type { Diagnostics, Message, NodeEvent, NodeEventRecord, TradesDocument } from './messages.ts'

export interface ViewerState {
  readonly diagnostics: Diagnostics
  readonly trades: TradesDocument
  /** Newest message folded in; -1 before the first one. */
  readonly event_id: number
}

export const EMPTY_STATE: ViewerState = {
  diagnostics: { events_history: {}, current_state: null },
  trades: {
    date: '',
    summary: { total_trades: 0, total_pnl: '0.00', winning_trades: 0, losing_trades: 0, win_rate: '0.00' },
    trades: [],
  },
  event_id: -1,
}

/**
 * Fold one message into the state.
 *
 * A message already seen changes nothing and gives the same record back. The two that carry the whole state always
 * count: the server decides where a viewer starts afresh.
 */
export function fold(state: ViewerState, message: Message): ViewerState {
  const { event_id } = message.data
  if (event_id <= state.event_id && !isSnapshot(message)) return state
  switch (message.event) {
    case 'initial_state':
    case 'backtest_complete':
      return { diagnostics: message.data.diagnostics, trades: message.data.trades, event_id }
    case 'tick_update':
      return { ...state, diagnostics: { ...state.diagnostics, current_state: message.data }, event_id }
    case 'node_event': {
      const events_history = {
        ...state.diagnostics.events_history,
        [message.data.execution_id]: withoutEnvelope(message.data),
      }
      return { ...state, diagnostics: { ...state.diagnostics, events_history }, event_id }
    }
    case 'trade_update': {
      const trades = [...state.trades.trades, message.data.trade]
      return { ...state, trades: { ...state.trades, summary: message.data.summary, trades }, event_id }
    }
  }
}

function isSnapshot(message: Message): boolean {
  return message.event === 'initial_state' || message.event === 'backtest_complete'
}

function withoutEnvelope(event: NodeEvent): NodeEventRecord {
  const { event_id: _eventId, session_id: _sessionId, ...record } = event
  return record
}
