import { join } from 'node:path'
import { writeJson } from '../io/index.ts'
import { runFolder } from './run-files.ts'
import type { FitReport } from './types.ts'
import { writing } from './writing.ts'

/** Writes `run/results.json`: the report without the course of the training, which `metrics.jsonl` holds. */
export function writeResults(output: string, report: FitReport): void {
  const { history: _, ...results } = report
  const file = join(runFolder(output), 'results.json')
  writing('the results', file, () => writeJson(file, results))
}
