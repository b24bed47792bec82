/**
 * What the page holds, for the browser's console and for whoever tests against the page: `backtest.state()` and so on.
 *
 * Read-only by meaning: it hands out the very records that the panels draw from. What a chart draws its figure tells by
 * itself (see `chart_model`).
 */

import type { ViewerState } from 'backtest-stream'

export interface PageFacts {
  /** The tick that the page shows; 0 before the first. */
  readonly tick: () => number
  /** The state at that tick, as the panels have it. */
  readonly state: () => ViewerState
  /** First and last tick of the day that the charts hold without a hole. */
  readonly ticks: () => readonly [number, number]
  /** The newest tick that is not after a time, Unix seconds. */
  readonly tickAt: (time: number) => number
}

export function tellTheConsole(facts: PageFacts): void {
  Object.assign(globalThis, { backtest: facts })
}
