/** The public names of `backtest-stream`. */

export * from './protocol/messages.ts'
export { FrameParser, type Frame } from './protocol/frames.ts'
export { unpack, unpackMessage } from './protocol/snapshots.ts'
export { EMPTY_STATE, fold, type ViewerState } from './protocol/fold.ts'
export {
  classifyAnswer,
  LONGEST_RETRY_MS,
  NEXT_PHASES,
  nextPhase,
  retryDelayMs,
  type Answer,
  type ConnectionHappening,
  type ConnectionPhase,
} from './protocol/connection_states.ts'
export { readStreamAnswer, STREAM_MODES, type StreamAnswer, type StreamMode } from './protocol/stream_answers.ts'
export { StreamConnection, type ConnectionOptions, type ConnectionState } from './connection.ts'
export {
  NOTHING_SEEN,
  SessionStore,
  streamUrl,
  type Completion,
  type SessionStoreOptions,
  type SessionView,
} from './session_store.ts'
