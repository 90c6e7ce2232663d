import { Random } from '../../../lib/data/random.ts'
import { hierarchicalBootstrap, summarize } from '../../../lib/statistics/index.ts'
import { datasets, limits, reference, seeds } from './plan.ts'
import type { QualityLine } from './results.ts'

/** A kind against the faithful one: points of difference, pair by pair. */
export interface QualityVerdict {
  kind: string
  /** Mean difference of each data set. */
  byDataset: Readonly<Record<string, number>>
  mean: number
  low: number
  high: number
  pairs: number
  equal: boolean
}

/** Differences of every kind to the faithful one over the data sets and seeds that both have. */
export function judge(lines: readonly QualityLine[]): QualityVerdict[] {
  const score = (kind: string, { dataset, seed }: QualityLine) =>
    lines.find(line => line.kind === kind && line.dataset === dataset && line.seed === seed)?.score
  const kinds = [...new Set(lines.map(({ kind }) => kind))].filter(kind => kind !== reference)
  return kinds.flatMap(kind => {
    const differences = lines
      .filter(line => line.kind === kind)
      .flatMap(line => {
        const faithful = score(reference, line)
        return faithful === undefined ? [] : [{ dataset: line.dataset, value: line.score - faithful }]
      })
    if (differences.length === 0) return []
    const names = [...new Set(differences.map(({ dataset }) => dataset))]
    const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
    const byDataset = Object.fromEntries(
      names.map(name => [
        name,
        meanOf(differences.filter(({ dataset }) => dataset === name).map(({ value }) => value)),
      ]),
    )
    const all = differences.map(({ value }) => value)
    const { mean, low, high } = hierarchicalBootstrap([all], { random: new Random(0, 'quality'), resamples: 10_000 })
    const equal = low > limits.interval && Object.values(byDataset).every(value => value >= limits.dataset)
    return [{ kind, byDataset, mean, low, high, pairs: all.length, equal }]
  })
}

/** The study's table, as Markdown. */
export function renderQuality(lines: readonly QualityLine[]): string {
  const names = [...new Set(lines.map(({ dataset }) => dataset))]
  const kinds = [...new Set(lines.map(({ kind }) => kind))]
  const verdicts = new Map(judge(lines).map(verdict => [verdict.kind, verdict]))
  const signed = (value: number) => `${value < 0 ? '' : '+'}${value.toFixed(2)}`
  const rows = kinds.map(kind => {
    const cells = names.map(name => {
      const scores = lines.filter(line => line.kind === kind && line.dataset === name).map(({ score }) => score)
      if (scores.length === 0) return ''
      const { mean, spread } = summarize(scores)
      const difference = verdicts.get(kind)?.byDataset[name]
      return `${mean.toFixed(1)}${spread === undefined ? '' : ` ± ${spread.toFixed(1)}`}${difference === undefined ? '' : ` (${signed(difference)})`}`
    })
    const verdict = verdicts.get(kind)
    const interval = verdict
      ? `${signed(verdict.mean)} [${signed(verdict.low)}, ${signed(verdict.high)}], ${verdict.pairs} pairs`
      : ''
    const whole = verdict?.pairs === datasets.length * seeds.length
    return [kind, ...cells, interval, verdict ? (whole ? (verdict.equal ? 'yes' : 'no') : 'not known yet') : '']
  })
  const metricOf = (name: string) => lines.find(line => line.dataset === name)!.metric
  const head = [
    'round',
    ...names.map(name => `${name} ${metricOf(name)}`),
    'mean difference [95 %]',
    'within the limits',
  ]
  return [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')
}
