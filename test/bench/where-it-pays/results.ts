import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CompareVariant } from '../../../lib/compare.ts'
import { root } from '../../parity/golden.ts'

/** One run of the study. */
export interface StudyLine {
  stage: string
  dataset: string
  rows: number
  contender: string
  settings: CompareVariant
  seed: number
  metric: string
  /** In points. */
  score: number
  /** Seconds of the whole training, on a machine that may have had other work. */
  seconds: number
}

export const studyFile = join(root, 'test/bench/results/where-it-pays.jsonl')

export function readStudy(file = studyFile): StudyLine[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as StudyLine)
}

export function addLine(line: StudyLine, file = studyFile): void {
  appendFileSync(file, `${JSON.stringify(line)}\n`)
}

/** What tells a run from all others: a line of other settings is another run. */
export function keyOf(line: Omit<StudyLine, 'metric' | 'score' | 'seconds'>): string {
  const { stage, dataset, rows, contender, seed, settings } = line
  return JSON.stringify([stage, dataset, rows, contender, seed, Object.entries(settings).sort()])
}
