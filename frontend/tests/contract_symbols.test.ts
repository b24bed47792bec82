import { expect, test } from 'vitest'
import { contractLabel, shortContractLabel } from '../src/contract_symbols.ts'

test.each([
  ['NIFTY:2024-11-07:OPT:24250:PE', 'NIFTY 7 Nov 24250 PE', '24250 PE'],
  ['BANKNIFTY:2025-01-30:OPT:51500.5:CE', 'BANKNIFTY 30 Jan 51500.5 CE', '51500.5 CE'],
  ['NIFTY', 'NIFTY', 'NIFTY'],
])('%s is said %s', (symbol, label, short) => {
  expect([contractLabel(symbol), shortContractLabel(symbol)]).toEqual([label, short])
})
