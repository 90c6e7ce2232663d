import type { CompareReport, Comparison } from '../compare.ts'
import { formatBytes, formatSeconds } from './progress.ts'

/** The report as text: the table, then one sentence for each comparison. */
export function compareText(report: CompareReport): string {
  const { datasets, table, comparisons, seeds } = report
  const several = datasets.length > 1
  const header = [
    'method',
    'parameters',
    ...datasets.map(({ name, metric }) => `${name} ${metric}`),
    ...(several ? ['mean'] : []),
    'time',
    'memory',
  ]
  const rows = table.map(row => [
    row.name,
    row.parameters === null ? '-' : row.parameters.trainable.toLocaleString('en-US'),
    ...datasets.map(({ name }) => meanText(row.scores[name] ?? null, value => value.toFixed(4), seeds.length)),
    ...(several ? [row.mean === null ? '-' : row.mean.toFixed(4)] : []),
    meanText(row.time, formatSeconds),
    row.peakBytes === null ? '-' : formatBytes(row.peakBytes),
  ])
  const scored = [...new Set(datasets.map(({ scoredOn }) => scoredOn))].join(' and ')
  const caption = `Mean ± standard deviation over ${seeds.length === 1 ? 'one seed' : `${seeds.length} seeds`}, scored on ${scored} rows; time of a run, largest memory.`
  return [...columns([header, ...rows]), '', caption, ...comparisons.map(sentence)].map(line => `${line}\n`).join('')
}

type Summary = { mean: number; spread: number | null; count: number } | null

/** `of` is how many values there should be. */
function meanText(summary: Summary, format: (value: number) => string, of?: number): string {
  if (summary === null) return '-'
  const { mean, spread, count } = summary
  const few = of !== undefined && count < of ? ` (${count} of ${of})` : ''
  return `${format(mean)}${spread === null ? '' : ` ± ${format(spread)}`}${few}`
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, at) => Math.max(...rows.map(row => row[at]!.length)))
  return rows.map(row =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))).join('  '),
  )
}

/** What one comparison says, in words. */
function sentence({ method, against, gain, gains, test, interval, differences, note }: Comparison): string {
  const head = `${method} against ${against}:`
  if (gain === null) return `${head} ${note}`
  const each = Object.entries(gains).flatMap(([name, summary]) =>
    summary === null ? [] : `${name} ${signed(summary.mean)}`,
  )
  const parts = [`gain ${signed(gain)}${each.length > 1 ? ` (${each.join(', ')})` : ''}`]
  if (interval !== null)
    parts.push(`${interval.level * 100} % interval ${signed(interval.low)} to ${signed(interval.high)}`)
  if (test !== null)
    parts.push(
      `Wilcoxon p ${show(test.pValue)}, after Holm ${show(test.holm)} (${differences.length} pairs, ${test.method}; none can give less than ${show(test.smallest)})`,
    )
  if (note !== null) parts.push(note)
  return `${head} ${parts.join('; ')}`
}

function signed(value: number): string {
  return `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(4)}`
}

function show(value: number): string {
  return value < 1e-4 ? value.toExponential(1) : value.toFixed(4)
}
