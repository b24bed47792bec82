/** Reads the test vectors that the Python tests read as well. */

import { readFileSync } from 'node:fs'

export function readVectors<Vectors>(name: string): Vectors {
  return JSON.parse(readFileSync(new URL(`../../../tests/vectors/${name}.json`, import.meta.url), 'utf-8')) as Vectors
}
