import type { ReportDataset } from '../../../lib/compare/types.ts'

/** A data set of a report: what a test of runs needs of it. */
export function reportDataset(name: string, metric: string, higherIsBetter = true): ReportDataset {
  return {
    name,
    metric,
    higherIsBetter,
    scoredOn: 'test',
    problemType: 'single-label',
    labels: ['a', 'b'],
    parts: {},
    warnings: [],
  }
}
