// `npm run bench -- [case ...] [--quick] [--rounds N] [--threads N] [--data DIR] [--out FILE]`
import { appendFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { setNumThreads } from '../../lib/torch.ts'
import type { BenchCase, BenchRow } from './case.ts'
import { checkpointing } from './cases/checkpointing.ts'
import { curves } from './cases/curves.ts'
import { longRun } from './cases/long-run.ts'
import { memory } from './cases/memory.ts'
import { opCall } from './cases/op-call.ts'
import { prediction } from './cases/prediction.ts'
import { targetTable } from './cases/targets.ts'
import { timeSplit } from './cases/time-split.ts'
import { machineOf } from './machine.ts'
import { peerVersions } from './peer.ts'
import { type Entry, resultsFile } from './results.ts'

const cases: readonly BenchCase[] = [opCall, targetTable, timeSplit, memory, checkpointing, longRun, prediction, curves]

/** Not run unless they are named: they take long, or measure once and keep it. */
const onDemand: readonly BenchCase[] = [curves]

/** What `--quick` leaves out. */
const slow: readonly BenchCase[] = [checkpointing]

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      threads: { type: 'string', default: '1' },
      data: { type: 'string' },
      out: { type: 'string', default: resultsFile },
    },
  })
  const { quick, data, out } = values
  const unknown = positionals.filter(name => !cases.some(c => c.name === name))
  if (unknown.length > 0)
    throw new Error(`bench: expected cases ${cases.map(c => c.name).join(', ')}, got ${unknown.join(', ')}`)
  const chosen = cases.filter(one =>
    positionals.length > 0 ? positionals.includes(one.name) : !onDemand.includes(one) && !(quick && slow.includes(one)),
  )
  const rounds = Number(values.rounds ?? (quick ? 2 : 12))
  const longRounds = values.rounds === undefined ? undefined : Number(values.rounds)
  const threads = Number(values.threads)
  setNumThreads(threads)
  const machine = machineOf(threads)
  const run = new Date().toISOString()
  console.log(JSON.stringify(machine))
  console.log(
    '| case | shape | what | median (minimum) | against, median (minimum) | ratio, of minima, of CPU time | target |\n| --- | --- | --- | --- | --- | --- | --- |',
  )
  const start = performance.now()
  for (const one of chosen) {
    const began = performance.now()
    for await (const row of rowsOf(one, { rounds, threads, quick, data, longRounds })) {
      console.log(line(row))
      const python = Object.keys(peerVersions).length > 0 ? { python: { ...peerVersions } } : {}
      const when = { date: run.slice(0, 10), run, ...(quick ? { quick } : {}) }
      const entry: Entry = { ...when, ...row, rounds, machine: { ...machine, ...python } }
      appendFileSync(out, `${JSON.stringify(entry)}\n`)
    }
    console.error(`${one.name}: ${((performance.now() - began) / 1e3).toFixed(0)} s`)
  }
  console.error(`all: ${((performance.now() - start) / 1e3).toFixed(0)} s`)
}

async function* rowsOf(one: BenchCase, options: Parameters<BenchCase['run']>[0]): AsyncGenerator<BenchRow> {
  const given = one.run(options)
  yield* Symbol.asyncIterator in given ? given : await given
}

function line(row: BenchRow): string {
  const { case: of, shape, name = '', ours, peer, ratio, ratioOfMinima, ratioOfCpu, target, unit = 'ms', note } = row
  const number = (value: number) =>
    unit === 'relative' ? value.toExponential(1) : value.toFixed(unit === 'ms' ? 1 : 2)
  const show = (value: { median: number; minimum: number }) =>
    `${number(value.median)} (${number(value.minimum)}) ${unit}`
  const other = peer ? `${peer.name}: ${show(peer)}` : (note ?? '')
  const ratios = [ratio, ratioOfMinima, ratioOfCpu]
    .map(value => value?.toFixed(2) ?? '')
    .filter(Boolean)
    .join(', ')
  return `| ${[of, shape, name, show(ours), other, ratios, target ?? ''].join(' | ')} |`
}

main().catch((error: unknown) => {
  console.error(error)
  process.exitCode = 1
})
