/** Contract symbols as people say them. */

const OPTION = /^([^:]+):\d{4}-(\d\d)-(\d\d):OPT:([\d.]+):(CE|PE)$/
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** "NIFTY:2024-11-07:OPT:24250:PE" → "NIFTY 7 Nov 24250 PE"; anything else as it is. */
export function contractLabel(symbol: string): string {
  const match = OPTION.exec(symbol)
  if (match === null) return symbol
  const [, underlying, month, day, strike, kind] = match
  return `${underlying} ${Number(day)} ${MONTHS[Number(month) - 1] ?? month} ${strike} ${kind}`
}

/** "NIFTY:2024-11-07:OPT:24250:PE" → "24250 PE"; anything else as it is. */
export function shortContractLabel(symbol: string): string {
  const match = OPTION.exec(symbol)
  return match === null ? symbol : `${match[4]} ${match[5]}`
}
