import { Random } from '../../../lib/data/random.ts'
import { hierarchicalBootstrap, holm, summarize, wilcoxon } from '../../../lib/statistics/index.ts'
import type { StudyLine } from './results.ts'

/** One contender held against another, pair by pair of runs of one cell and seed; gains in points. */
export interface StudyVerdict {
  contender: string
  against: string
  /** Mean gain of each cell, by 'dataset rows'. */
  byCell: Readonly<Record<string, number>>
  /** Mean gain of each data set over its cells. */
  byDataset: Readonly<Record<string, number>>
  pairs: number
  mean: number
  /** 95 % interval of the mean, data sets drawn first and then pairs. */
  low: number
  high: number
  pValue: number
  /** Holm's correction over the pairs that are judged together. */
  corrected: number
}

/** Mean and spread over seeds of every contender, cell by cell, as Markdown; the best mean of a cell is bold. */
export function renderScores(lines: readonly StudyLine[]): string {
  const cells = [...new Set(lines.map(cellOf))]
  const contenders = [...new Set(lines.map(({ contender }) => contender))]
  const scoresOf = (contender: string, cell: string) =>
    lines.filter(line => line.contender === contender && cellOf(line) === cell).map(({ score }) => score)
  const meanOf = (contender: string, cell: string) => mean(scoresOf(contender, cell))
  const best = new Map(cells.map(cell => [cell, Math.max(...contenders.map(name => meanOf(name, cell) || 0))]))
  const rows = contenders.map(contender => {
    const shown = cells.map(cell => {
      const scores = scoresOf(contender, cell)
      if (scores.length === 0) return ''
      const { mean, spread } = summarize(scores)
      const text = `${mean.toFixed(1)}${spread === undefined ? '' : ` ± ${spread.toFixed(1)}`}`
      return mean === best.get(cell) ? `**${text}**` : text
    })
    const means = cells.map(cell => meanOf(contender, cell))
    return [contender, ...shown, means.some(Number.isNaN) ? '' : mean(means).toFixed(2)]
  })
  const head = ['', ...cells, 'mean']
  return table([head, head.map((_, column) => (column === 0 ? '---' : '---:')), ...rows])
}

/** What the pairs of runs say of each of `pairs`; a pair without common runs is left out. */
export function judge(lines: readonly StudyLine[], pairs: readonly (readonly [string, string])[]): StudyVerdict[] {
  const verdicts = pairs.flatMap(([contender, against]) => {
    const gains = lines
      .filter(line => line.contender === contender)
      .flatMap(line => {
        const other = lines.find(
          one => one.contender === against && cellOf(one) === cellOf(line) && one.seed === line.seed,
        )
        // 12 decimals: two equal differences may differ by a rounding error, and ranks would see it
        return other ? [{ ...line, gain: Number((line.score - other.score).toFixed(12)) }] : []
      })
    if (gains.length === 0) return []
    const by = (keyOf: (line: StudyLine) => string) => {
      const keys = [...new Set(gains.map(keyOf))]
      return keys.map(key => [key, gains.filter(line => keyOf(line) === key).map(({ gain }) => gain)] as const)
    }
    const groups = by(({ dataset }) => dataset)
    const values = gains.map(({ gain }) => gain)
    const { low, high } = hierarchicalBootstrap(
      groups.map(([, group]) => group),
      { random: new Random(0, 'where it pays'), resamples: 10_000 },
    )
    const means = (of: typeof groups) => Object.fromEntries(of.map(([key, group]) => [key, mean(group)]))
    const pValue = values.every(value => value === 0) ? 1 : wilcoxon(values).pValue
    return [
      {
        contender,
        against,
        byCell: means(by(cellOf)),
        byDataset: means(groups),
        pairs: values.length,
        mean: mean(values),
        low,
        high,
        pValue,
      },
    ]
  })
  const corrected = holm(verdicts.map(({ pValue }) => pValue))
  return verdicts.map((verdict, index) => ({ ...verdict, corrected: corrected[index]! }))
}

/** The verdicts as Markdown. */
export function renderVerdicts(verdicts: readonly StudyVerdict[]): string {
  const datasets = [...new Set(verdicts.flatMap(({ byDataset }) => Object.keys(byDataset)))]
  const head = ['', 'pairs', 'mean gain [95 %]', 'p', "Holm's p", ...datasets]
  const rows = verdicts.map(verdict => [
    `${verdict.contender} against ${verdict.against}`,
    String(verdict.pairs),
    `${signed(verdict.mean)} [${signed(verdict.low)}, ${signed(verdict.high)}]`,
    verdict.pValue.toPrecision(2),
    verdict.corrected.toPrecision(2),
    ...datasets.map(name => (verdict.byDataset[name] === undefined ? '' : signed(verdict.byDataset[name]))),
  ])
  return table([head, head.map((_, column) => (column === 0 ? '---' : '---:')), ...rows])
}

export function cellOf({ dataset, rows }: Pick<StudyLine, 'dataset' | 'rows'>): string {
  return `${dataset} ${rows}`
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

const signed = (value: number): string => `${value < 0 ? '' : '+'}${value.toFixed(2)}`

const table = (rows: readonly (readonly string[])[]): string => rows.map(cells => `| ${cells.join(' | ')} |`).join('\n')
