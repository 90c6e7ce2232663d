import type { BenchRow } from './case.ts'
import { type Entry, newestRun } from './results.ts'
import { fastest, memoryTarget, targetOf } from './targets.ts'
import { faithful, officialName, ourLoraName, peftBfloat16Name, peftName, plainName, variants } from './variants.ts'

/** Rows of the target table in their order; what has no figure is left out. */
const order = [
  peftName,
  peftBfloat16Name,
  ourLoraName,
  `${ourLoraName}, bfloat16-frozen`,
  `${ourLoraName}, bfloat16`,
  ...variants.map(({ name }) => name),
  plainName,
  officialName,
]

/** A table from cells. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = header.map((_, i) => (i === 0 ? '---' : '---:'))
  return [header, rule, ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')
}

/** The target table: ratios of medians, those of the processor's time in brackets. */
export function renderTargets(entries: readonly Entry[]): string {
  const rows = newestRun(entries, 'targets').filter(({ unit }) => unit === undefined)
  const memory = newestRun(entries, 'memory')
  const shapes = [...new Set(rows.map(({ shape }) => shape))]
  const find = (list: readonly Entry[], shape: string, name: string) =>
    list.find(row => row.shape === shape && row.name === name)
  const body = order.flatMap(name => {
    const cells = shapes.map(shape => ratioCell(find(rows, shape, name)))
    return cells.every(cell => cell === '') ? [] : [[labelOf(name), targetCell(name), ...cells]]
  })
  for (const name of [faithful.name, ...chosenFast()]) {
    const cells = shapes.map(shape => find(memory, shape, name)?.ratio?.toFixed(2) ?? '')
    if (cells.some(Boolean)) body.push([`peak memory above the model: ${name}`, String(memoryTarget), ...cells])
  }
  const header = ['', 'target: short / full', ...shapes]
  return `${table(header, body)}\n\n${machineOf(rows)}`
}

function chosenFast(): string[] {
  return [fastest.float32, fastest.bfloat16].filter(name => name !== undefined && name !== faithful.name) as string[]
}

function labelOf(name: string): string {
  if (name === fastest.float32) return `fastest mode of equal quality: ${name}`
  if (name === fastest.bfloat16) return `the same with bfloat16: ${name}`
  return name
}

function targetCell(name: string): string {
  const target = targetOf(name)
  return target ? `${target.short} / ${target.full}` : ''
}

function ratioCell(row: Entry | undefined): string {
  if (row === undefined) return ''
  if (row.ratio === undefined) return `1.00: ${row.ours.median.toFixed(0)} ms`
  const cpu = row.ratioOfCpu === undefined ? '' : ` (${row.ratioOfCpu.toFixed(2)})`
  return `${row.ratio.toFixed(2)}${cpu}`
}

/** What a run was made with, in a sentence. */
export function machineOf(rows: readonly Entry[]): string {
  const [row] = rows
  if (row === undefined) return 'No run is there.'
  const { cpu, cores, threads, node, libtorch, commit, python = {} } = row.machine
  const versions = Object.entries(python).map(([name, version]) => `${name} ${version}`)
  const at = commit === undefined ? '' : `, commit ${commit}`
  return (
    `Ratios of medians over ${row.rounds} turns, of CPU time in brackets${row.quick ? ' (a quick run)' : ''}; ${row.date}, ` +
    `${cpu}, ${cores} cores, ${threads} used; node ${node}, libtorch ${libtorch}${versions.length > 0 ? `, ${versions.join(', ')}` : ''}${at}.`
  )
}

/** The single figures below the table, a line each. */
export function renderFigures(entries: readonly Entry[]): string {
  const lines: string[] = []
  for (const row of newestRun(entries, 'op-call')) {
    if (row.shape.endsWith('above C++'))
      lines.push(
        `- One 4 x 4 operator, ${row.shape}: ${micro(row.ours.minimum)} at best, ${micro(row.ours.median)} in the median (target 2 µs).`,
      )
  }
  for (const row of newestRun(entries, 'time-split')) {
    if (row.name?.startsWith('host at most') && row.ratio !== undefined)
      lines.push(`- Host overhead, ${row.shape}: at most ${percent(row.ratio)} of the step (target 5 %).`)
  }
  for (const row of newestRun(entries, 'long-run')) lines.push(`- ${longRun(row)}`)
  return lines.join('\n')
}

function longRun({ shape, ratio = Number.NaN, note, ours, peer }: BenchRow): string {
  const times = peer ? `${ours.median.toFixed(2)} ms a round, against ${peer.median.toFixed(2)} (${peer.name})` : ''
  return `${shape}: the last 500 take ${ratio.toFixed(2)} of the first ones' time: ${times}; ${note}.`
}

const micro = (value: number) => `${value.toFixed(1)} µs`
const percent = (rate: number) => `${(rate * 100).toFixed(1)} %`

/** Where the time of a step goes: a column for each step of each shape, in per cent of the whole. */
export function renderSplit(entries: readonly Entry[]): string {
  const rows = newestRun(entries, 'time-split').filter(({ name }) => name !== undefined)
  const columns = [...new Set(rows.map(({ shape }) => shape))]
  const names = [...new Set(rows.map(({ name }) => name as string))]
  const body = names.map(name => [
    name,
    ...columns.map(shape => {
      const row = rows.find(one => one.shape === shape && one.name === name)
      if (row === undefined) return ''
      return row.ratio === undefined ? `${row.ours.median.toFixed(0)} ms` : percent(row.ratio)
    }),
  ])
  return table(['', ...columns], body)
}

/** A text with what is between two marks put in anew. */
export function replaceBetween(text: string, [start, end]: readonly [string, string], content: string): string {
  const [from, to] = [text.indexOf(start), text.indexOf(end)]
  if (from < 0 || to < from)
    throw new Error(`readme: expected ${start} and ${end}, got a text without them; put them where it belongs`)
  return `${text.slice(0, from + start.length)}\n${content}\n${text.slice(to)}`
}
