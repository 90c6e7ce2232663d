import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../parity/golden.ts'
import type { CurvePoint } from './plan.ts'

export const curvesFile = join(root, 'test/bench/results/curves.jsonl')
export const pictures = join(root, 'test/bench/pictures')

/** What has been measured. */
export function readCurves(file = curvesFile): CurvePoint[] {
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean)
  return lines.map(line => JSON.parse(line) as CurvePoint)
}
