/**
 * What a chart shows, for those who read it instead of looking at it: a script on the page asks the figure for its model,
 * `document.getElementById('price-chart').chartModel()`.
 */

import type { TradeMarks } from '../live/trade_markers.ts'

interface FigureWithModel extends HTMLElement {
  chartModel?: () => TradeMarks | readonly TradeMarks[]
}

/** @param model Gives the marks as they were drawn last; a list where several sessions share the chart. */
export function tellModel(figure: FigureWithModel, model: () => TradeMarks | readonly TradeMarks[]): void {
  figure.chartModel = model
}
