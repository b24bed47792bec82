/**
 * The five kinds of message of a session's stream, as types, and the reading of one from a frame.
 *
 * Field names, nesting and units are those of the stream protocol. Money is a decimal string with two places ("215.00"),
 * `ltp` values and condition operands are numbers, a `timestamp` is exchange time with its offset
 * ("2024-10-29 09:19:00+05:30"). Fields may be added by a newer server: readers ignore what they do not know.
 */

/** A decimal number with two places as text, for instance "-5883.75". Never rounded through a float. */
export type Money = string

/** Exchange time with its offset, for instance "2024-10-29 09:19:00+05:30". */
export type Timestamp = string

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue }

export const EVENT_TYPES = ['initial_state', 'tick_update', 'node_event', 'trade_update', 'backtest_complete'] as const
export type EventType = (typeof EVENT_TYPES)[number]

export type SessionStatus = 'completed' | 'cancelled' | 'failed'

export interface Envelope {
  /** Place in the session's one counter: 0, 1, 2, ... without a hole. */
  readonly event_id: number
  readonly session_id: string
}

/** One comparison, with what it was compared with when it was last evaluated. */
export interface EvaluatedCondition {
  readonly id?: string
  /** As the strategy says it: "Previous[TI.1m.rsi(14,close)] < 30". */
  readonly raw: string
  /** With its operands: "26.97 < 30.00". */
  readonly evaluated: string
  readonly lhs_value: JsonValue
  readonly rhs_value: JsonValue
  readonly operator: string
  readonly result: boolean
  /** Why it is false although nothing was compared, for instance a candle that is not there yet. */
  readonly reason?: string | null
}

export interface EvaluatedGroup {
  readonly logic: 'AND' | 'OR'
  readonly result: boolean
  readonly conditions: readonly (EvaluatedCondition | EvaluatedGroup)[]
}

export interface NodeExecution {
  readonly node_id: string
  readonly node_name: string
  readonly node_type: string
  readonly signal_emitted: boolean
  /** Null for a node that has no conditions. */
  readonly evaluated_conditions: EvaluatedGroup | null
}

export interface OpenPosition {
  readonly position_id: string
  readonly symbol: string
  readonly side: 'buy' | 'sell'
  readonly quantity: number
  readonly entry_price: Money
  readonly current_price: Money
  readonly unrealized_pnl: Money
  readonly entry_time?: Timestamp
  readonly re_entry_num?: number
  readonly entry_node_id?: string
  /**
   * The prices of `symbol` at which its guards trigger in the next tick; null where there is no such guard, or it does not
   * work now.
   */
  readonly stop_loss_price?: Money | null
  readonly take_profit_price?: Money | null
  readonly trailing_stop_price?: Money | null
}

export interface PnlSummary {
  readonly realized_pnl: Money
  readonly unrealized_pnl: Money
  readonly total_pnl: Money
  readonly closed_trades: number
  readonly open_trades: number
}

export interface LastPrice {
  readonly ltp: number
  readonly timestamp: Timestamp
}

export interface TickUpdate extends Envelope {
  /** 1 for the first second of the session. */
  readonly tick: number
  readonly timestamp: Timestamp
  readonly execution_count: number
  readonly node_executions: { readonly [executionId: string]: NodeExecution }
  readonly open_positions: readonly OpenPosition[]
  readonly pnl_summary: PnlSummary
  readonly ltp: { readonly [symbol: string]: LastPrice }
  readonly active_nodes: readonly string[]
}

/** What a node event says without its envelope: an entry of `events_history`. */
export interface NodeEventRecord extends NodeExecution {
  readonly execution_id: string
  readonly parent_execution_id: string | null
  /** The tick in which the node completed. */
  readonly tick?: number
  readonly timestamp: Timestamp
  readonly event_type: string
  readonly conditions_preview?: string | null
}

export type NodeEvent = Envelope & NodeEventRecord

export interface Trade {
  readonly trade_id: string
  readonly position_id: string
  readonly re_entry_num: number
  readonly symbol: string
  readonly side: 'buy' | 'sell'
  readonly quantity: number
  readonly entry_price: Money
  readonly entry_time: Timestamp
  readonly exit_price: Money
  readonly exit_time: Timestamp
  readonly pnl: Money
  readonly status: string
  readonly entry_trigger: string
  readonly exit_reason: string
  readonly closed_by?: string
  /** What kind of exit it was: "signal", "stop_loss", "take_profit", "trailing_stop", "square_off", "market_close". */
  readonly exit_type?: string
  /** The price that decided the exit. */
  readonly trigger_price?: Money
}

export interface TradeSummary {
  readonly total_trades: number
  readonly total_pnl: Money
  readonly winning_trades: number
  readonly losing_trades: number
  /** Per cent of all trades, two places: "33.33"; "0.00" without a trade. */
  readonly win_rate: string
}

export interface TradeUpdate extends Envelope {
  readonly trade: Trade
  readonly summary: TradeSummary
}

/** The first of the two documents inside a snapshot. */
export interface Diagnostics {
  readonly events_history: { readonly [executionId: string]: NodeEventRecord }
  /** The payload of the newest tick_update; null before the first one. */
  readonly current_state: TickUpdate | null
}

/** The second document inside a snapshot. */
export interface TradesDocument {
  readonly date: string
  readonly summary: TradeSummary
  readonly trades: readonly Trade[]
}

/** A snapshot as it travels: each document gzip, then base64. */
export interface PackedSnapshot extends Envelope {
  readonly diagnostics: string
  readonly trades: string
  readonly uncompressed_sizes: { readonly diagnostics: number; readonly trades: number }
  readonly strategy_id: string
  readonly start_date: string
  readonly end_date: string
}

export interface PackedCompletion extends PackedSnapshot {
  readonly total_ticks: number
  readonly status: SessionStatus
  readonly error?: string | null
}

/** A packed message's payload once its two documents are open. */
export type Unpacked<Packed extends PackedSnapshot> = Omit<Packed, 'diagnostics' | 'trades'> & {
  readonly diagnostics: Diagnostics
  readonly trades: TradesDocument
}

/** A message as it travels. */
export type PackedMessage =
  | { readonly event: 'initial_state'; readonly data: PackedSnapshot }
  | { readonly event: 'tick_update'; readonly data: TickUpdate }
  | { readonly event: 'node_event'; readonly data: NodeEvent }
  | { readonly event: 'trade_update'; readonly data: TradeUpdate }
  | { readonly event: 'backtest_complete'; readonly data: PackedCompletion }

/** A message ready to be folded: as it travels, with the documents of a snapshot open. */
export type Message =
  | { readonly event: 'initial_state'; readonly data: Unpacked<PackedSnapshot> }
  | { readonly event: 'tick_update'; readonly data: TickUpdate }
  | { readonly event: 'node_event'; readonly data: NodeEvent }
  | { readonly event: 'trade_update'; readonly data: TradeUpdate }
  | { readonly event: 'backtest_complete'; readonly data: Unpacked<PackedCompletion> }

/** The stream held something that the protocol does not allow. */
export class MessageInvalid extends Error {
  override readonly name = 'MessageInvalid'
}

export function isEventType(text: string): text is EventType {
  return (EVENT_TYPES as readonly string[]).includes(text)
}

/**
 * Read one message from a frame.
 *
 * @returns null for a kind of event that this client does not know: a newer server may send one.
 * @throws MessageInvalid when the data are not a JSON object with an event id.
 */
export function parseMessage(event: string, data: string): PackedMessage | null {
  if (!isEventType(event)) return null
  let value: unknown
  try {
    value = JSON.parse(data)
  } catch (error) {
    throw new MessageInvalid(`The data of a ${event} are not JSON (${String(error)}).`, { cause: error })
  }
  if (typeof value !== 'object' || value === null || !('event_id' in value) || !Number.isSafeInteger(value.event_id)) {
    throw new MessageInvalid(`A ${event} came without a whole-number event_id; the stream is not a session's stream.`)
  }
  return { event, data: value } as unknown as PackedMessage
}
