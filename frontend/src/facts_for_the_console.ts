/**
 * What the page holds, for the browser's console and for whoever tests against the page: `backtest.state()` and so on.
 *
 * Read-only by meaning: it hands out the very records that the panels draw from.
 */

import type { ViewerState } from 'backtest-stream'
import type { TradeMarker } from './live/trade_markers.ts'

/** The trades that a chart shows. */
export interface ChartMarks {
  /** "price", "pnl", "drawdown", or a contract's symbol. */
  readonly chart: string
  readonly markers: readonly TradeMarker[]
}

export interface PageFacts {
  /** The tick that the page shows; 0 before the first. */
  readonly tick?: () => number
  /** The state at that tick, as the panels have it. */
  readonly state?: () => ViewerState
  /** First and last tick of the day that the charts hold without a hole. */
  readonly ticks?: () => readonly [number, number]
  /** The newest tick that is not after a time, Unix seconds. */
  readonly tickAt?: (time: number) => number
  /** The entries and exits on each chart in sight, from top to bottom. */
  readonly marks: () => readonly ChartMarks[]
}

export function tellTheConsole(facts: PageFacts): void {
  Object.assign(globalThis, { backtest: facts })
}
