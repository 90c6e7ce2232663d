// node dist/test/bench/hypergradient/readme.js: puts the two tables of the committed results between the marks of the
// bilevel room's README.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../parity/golden.ts'
import { type RoundLine, readRounds } from './rounds.ts'
import { type ErrorLine, readLines } from './run.ts'

const points = ['start', 'middle', 'end'] as const

const scientific = (value: number) => {
  if (value === 0) return '0'
  return value >= 0.0095 && value < 99.5 ? String(Number(value.toPrecision(2))) : value.toExponential(0)
}
const worst = (values: readonly number[]) => scientific(Math.max(...values))

/** A row for each method; error of the implicit term at the worst of the three points, without and with dropout. */
function render(lines: readonly ErrorLine[]): string {
  const methods = [...new Set(lines.map(({ method }) => method))]
  const cell = (method: string, precision: string, value: (line: ErrorLine) => number) => {
    const found = [false, true].map(on =>
      lines.filter(line => line.method === method && line.precision === precision && line.dropout === on).map(value),
    )
    if (found.every(list => list.length === 0)) return ''
    return found.map(list => (list.length === 0 ? '-' : worst(list))).join(' / ')
  }
  const rows = methods.map(method => {
    const own = lines.filter(line => line.method === method)
    const full = own.filter(({ precision }) => precision !== 'bfloat16')
    const passes = full.flatMap(line => line.passes ?? []).sort((a, b) => a - b)
    return [
      method,
      cell(method, 'float64', line => line.implicitError),
      cell(method, 'float32', line => line.implicitError),
      cell(method, 'bfloat16', line => line.implicitError),
      own.length === 0 ? '' : Math.min(...own.map(line => line.cosine)).toFixed(4),
      String(own[0]!.losses),
      passes.length === 0 ? '' : passes[passes.length >> 1]!.toFixed(1),
    ]
  })
  const head = ['method', 'float64', 'float32', 'bfloat16', 'least cosine', 'losses', 'passes']
  return table(head, rows)
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/** A row for each kind of round in float32; the worst of the three points, without and with dropout. */
function renderRounds(lines: readonly RoundLine[]): string {
  const trained = lines.filter(({ precision }) => precision === 'float32')
  const kinds = [...new Set(trained.map(({ kind }) => kind))]
  const rows = kinds.map(kind => {
    const own = trained.filter(line => line.kind === kind)
    const cell = (
      value: (line: RoundLine) => number | undefined,
      shown: (values: readonly number[]) => string = worst,
    ) => {
      const both = [false, true].map(on =>
        own.filter(({ dropout }) => dropout === on).flatMap(line => value(line) ?? []),
      )
      return both.some(list => list.length === 0) ? '' : both.map(shown).join(' / ')
    }
    const timed = own.flatMap(({ timedPasses }) => timedPasses ?? [])
    return [
      kind,
      cell(({ error }) => error),
      cell(
        ({ cosine }) => cosine,
        list => Math.min(...list).toFixed(2),
      ),
      cell(({ implicitError }) => implicitError),
      cell(({ errorOfMean }) => errorOfMean),
      cell(({ ownError }) => ownError),
      String(Number(own[0]!.passes.toFixed(2))),
      timed.length === 0 ? '' : timed[0]!.toFixed(1),
    ]
  })
  const head = [
    'round',
    'error',
    'cosine',
    'of the implicit term',
    'of the mean of 8',
    'at its own point',
    'passes',
    'timed',
  ]
  return table(head, rows)
}

const lines = readLines()
if (lines.length === 0) throw new Error('expected results, got none; run test/bench/hypergradient/run.js first')
// A cell counts where all that its run measures is there; what is missing is said.
const measured = points.flatMap(point =>
  [false, true].flatMap(dropout =>
    ['float64', 'float32', 'bfloat16'].map(precision => ({
      name: `${point}, dropout ${dropout ? 'on' : 'off'}, ${precision}`,
      count: lines.filter(line => line.point === point && line.dropout === dropout && line.precision === precision)
        .length,
    })),
  ),
)
const missing = measured
  .filter(({ name, count }) => count < (name.endsWith('bfloat16') ? 17 : 12))
  .map(({ name }) => name)
const note = missing.length === 0 ? '' : `\n\nNot measured yet: ${missing.join('; ')}.`
write('errors', `${render(lines)}${note}`)

const rounds = readRounds()
if (rounds.length > 0) write('rounds', renderRounds(rounds))

/** Puts a text between its two marks. */
function write(name: string, text: string): void {
  console.log(text)
  const marks = [`<!-- ${name}: test/bench/hypergradient -->`, `<!-- /${name} -->`] as const
  const readme = join(root, 'lib/bilevel/README.md')
  const all = readFileSync(readme, 'utf8')
  const [start, end] = marks.map(mark => all.indexOf(mark))
  if (start! < 0 || end! < start!) throw new Error(`expected the marks ${marks.join(' and ')} in ${readme}`)
  writeFileSync(readme, `${all.slice(0, start! + marks[0].length)}\n\n${text}\n\n${all.slice(end)}`)
}
