import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../parity/golden.ts'

/** One run: its score in points, and how long it took. */
export interface QualityLine {
  dataset: string
  kind: string
  seed: number
  metric: string
  score: number
  /** Seconds of the whole training, on a machine that may have had other work. */
  seconds: number
}

export const qualityFile = join(root, 'test/bench/results/quality.jsonl')

export function readQuality(file = qualityFile): QualityLine[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as QualityLine)
}
