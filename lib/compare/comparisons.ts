import { Random } from '../data/random.ts'
import { hierarchicalBootstrap, holm, summarize, wilcoxon } from '../statistics/index.ts'
import type { Comparison, ReportDataset, ReportRun, Summary } from './types.ts'

const LEVEL = 0.95
const RESAMPLES = 9999
/** The interval of the same numbers is the same at every call. */
const BOOTSTRAP_SEED = 0

/** The finished runs of a comparison, and what they are of. */
export interface Results {
  readonly datasets: readonly ReportDataset[]
  readonly seeds: readonly number[]
  readonly runs: readonly ReportRun[]
}

/** Mean and spread; null for no values. */
export function summaryOf(values: readonly number[]): Summary | null {
  if (values.length === 0) return null
  const { mean, spread } = summarize(values)
  return { mean, spread: spread ?? null, count: values.length }
}

/**
 * Compares pairs of contenders run by run: gains by data set, the two-sided signed-rank test over all data sets and seeds
 * with Holm's correction over the pairs that are tested, and a bootstrap interval.
 */
export function compareAll(pairs: readonly (readonly [string, string])[], results: Results): Comparison[] {
  const made = pairs.map(([method, against]) => comparePair(method, against, results))
  const tested = made.filter(comparison => comparison.test !== null)
  const adjusted = holm(tested.map(({ test }) => test!.pValue))
  tested.forEach((comparison, i) => {
    comparison.test!.holm = adjusted[i]!
  })
  return made
}

function comparePair(method: string, against: string, { datasets, seeds, runs }: Results): Comparison {
  const scoreOf = (name: string, dataset: string, seed: number) => {
    const run = runs.find(each => each.method === name && each.dataset === dataset && each.seed === seed)
    return run?.status === 'done' ? run.score : undefined
  }
  const differences: Comparison['differences'] = []
  let [missing, undefinedScores] = [0, 0]
  for (const { name: dataset, higherIsBetter } of datasets) {
    for (const seed of seeds) {
      const [own, other] = [scoreOf(method, dataset, seed), scoreOf(against, dataset, seed)]
      if (typeof own === 'number' && typeof other === 'number')
        differences.push({ dataset, seed, gain: rounded(higherIsBetter ? own - other : other - own) })
      else {
        missing++
        if (own === null || other === null) undefinedScores++
      }
    }
  }
  const groups = datasets.map(({ name }) => differences.filter(each => each.dataset === name).map(({ gain }) => gain))
  const gains = groups.map(summaryOf)
  const note = noteOf(seeds, differences, missing, undefinedScores)
  const refused = seeds.length < 2 || differences.length < 2 || undefinedScores > 0
  const values = differences.map(({ gain }) => gain)
  return {
    method,
    against,
    gains: Object.fromEntries(datasets.map(({ name }, i) => [name, gains[i] ?? null])),
    gain: summaryOf(gains.flatMap(each => each?.mean ?? []))?.mean ?? null,
    differences,
    missing,
    // All signs alike give the smallest p-value there can be.
    test:
      refused || values.every(value => value === 0) ? null : { ...tested(values), smallest: 2 ** (1 - values.length) },
    interval: refused ? null : intervalOf(groups, `${method}/${against}`),
    note,
  }
}

/** Two shares of the same rows may differ by a rounding error where they are equal, and the ranks would see it. */
function rounded(value: number): number {
  return Math.round(value * 1e12) / 1e12
}

/** Where all is tied the normal approximation has nothing to say; `values` holds one that is not zero. */
function tested(values: readonly number[]) {
  return { ...wilcoxon(values), holm: 1 }
}

function intervalOf(groups: readonly (readonly number[])[], stream: string): Comparison['interval'] {
  const { low, high, standardError } = hierarchicalBootstrap(
    groups.filter(group => group.length > 0),
    { random: new Random(BOOTSTRAP_SEED, 'bootstrap', stream), resamples: RESAMPLES, level: LEVEL },
  )
  return { low, high, standardError, level: LEVEL, resamples: RESAMPLES }
}

function noteOf(
  seeds: readonly number[],
  differences: Comparison['differences'],
  missing: number,
  undefinedScores: number,
): string | null {
  if (seeds.length < 2) return 'no test: one seed says nothing of the spread; give two or more'
  if (undefinedScores > 0)
    return `no test: ${undefinedScores} pairs hold a score that is not defined (constant predictions)`
  if (differences.length < 2) return `no test: ${differences.length} pairs of finished runs; two or more are needed`
  if (differences.every(({ gain }) => gain === 0)) return 'no test: all pairs are equal'
  return missing > 0 ? `${missing} pairs are missing, because a run failed` : null
}
