/** Kinds of nodes in words, for both spellings: the graph's ("entrySignalNode") and the events' ("EntrySignalNode"). */

const WORDS: { readonly [kind: string]: string } = {
  startnode: 'Start',
  entrysignalnode: 'Entry signal',
  entrynode: 'Entry',
  exitsignalnode: 'Exit signal',
  exitnode: 'Exit',
  reentrysignalnode: 'Re-entry signal',
  squareoffnode: 'Square-off',
}

export function kindWords(kind: string): string {
  return WORDS[kind.toLowerCase()] ?? kind
}
