import { keyOf } from './cell.ts'
import { type Column, datasets, methods, planCells, seeds, shownOrder, type TableDataset } from './plan.ts'
import { type CellResult, findResult } from './results.ts'

const start = '<!-- table:start -->'
const end = '<!-- table:end -->'

/** Mean and sample standard deviation; the latter is undefined for fewer than two values. */
export function meanAndSpread(values: readonly number[]): { mean: number; spread: number | undefined } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  if (values.length < 2) return { mean, spread: undefined }
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { mean, spread: Math.sqrt(squares / (values.length - 1)) }
}

/**
 * The table as README shows it: in percent, mean ± sample standard deviation over the seeds. Only results of the
 * present plan count; a cell of fewer seeds says how many, one of none stays empty.
 */
export function renderTable(results: readonly CellResult[]): string {
  const found = planCells().flatMap(cell => findResult(results, keyOf(cell)) ?? [])
  const columns = datasets.flatMap(dataset => dataset.columns.map(column => ({ dataset, column })))
  const header = [
    'method',
    'trained parameters',
    ...columns.map(({ dataset, column }) => `${dataset.title} ${column.title}`),
  ]
  const rows = shownOrder.map(method => {
    const own = found.filter(result => result.method === method)
    const title = methods.find(entry => entry.method === method)?.title ?? method
    return [title, trainedOf(own), ...columns.map(({ dataset, column }) => scoreOf(own, dataset, column))]
  })
  const constants = columns.map(({ column }) => (column.constant === undefined ? '' : percent(column.constant)))
  rows.unshift(['(always the commoner class)', '0', ...constants])
  const rule = header.map((_, index) => (index === 0 ? '---' : '---:'))
  return [header, rule, ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')
}

/** Of the two-class heads; a regression's has one row less. */
function trainedOf(results: readonly CellResult[]): string {
  const counts = results.map(({ trainable }) => trainable)
  return counts.length === 0 ? '' : Math.max(...counts).toLocaleString('en-US')
}

function scoreOf(results: readonly CellResult[], dataset: TableDataset, { metric }: Column): string {
  const values = results
    .filter(result => result.dataset === dataset.name)
    .map(({ metrics }) => metrics[metric] as number)
  if (values.length === 0) return ''
  const { mean, spread } = meanAndSpread(values)
  const few = values.length < seeds.length ? ` (${values.length} of ${seeds.length} seeds)` : ''
  return `${percent(mean)}${spread === undefined ? '' : ` ± ${percent(spread)}`}${few}`
}

function percent(rate: number): string {
  return (rate * 100).toFixed(1)
}

/** A text with the table between its two marks put in anew. */
export function replaceTable(readme: string, table: string): string {
  const [from, to] = placeOf(readme)
  return `${readme.slice(0, from)}\n${table}\n${readme.slice(to)}`
}

/** Whether the table between the marks is the one that the results give. */
export function isTableCurrent(readme: string, results: readonly CellResult[]): boolean {
  return replaceTable(readme, renderTable(results)) === readme
}

function placeOf(readme: string): [from: number, to: number] {
  const from = readme.indexOf(start)
  const to = readme.indexOf(end)
  if (from >= 0 && to > from) return [from + start.length, to]
  throw new Error(`table: expected README.md to hold ${start} and ${end}, got none; put them where the table belongs`)
}
