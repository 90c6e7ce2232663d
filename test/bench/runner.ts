// `npm run bench -- [case ...] [--quick] [--rounds N] [--threads N] [--data DIR] [--out FILE]`
import { appendFileSync } from 'node:fs'
import { arch, cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { libtorchVersion, setNumThreads } from '../../lib/torch.ts'
import { root } from '../parity/golden.ts'
import type { BenchCase, BenchRow } from './case.ts'
import { bidoraRound } from './cases/bidora-round.ts'
import { longRun } from './cases/long-run.ts'
import { checkpointing } from './cases/checkpointing.ts'
import { loraStep } from './cases/lora-step.ts'
import { opCall } from './cases/op-call.ts'

const cases: readonly BenchCase[] = [opCall, loraStep, bidoraRound, checkpointing, longRun]

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      threads: { type: 'string', default: '1' },
      data: { type: 'string' },
      out: { type: 'string', default: join(root, 'test/bench/results/bench.jsonl') },
    },
  })
  const unknown = positionals.filter(name => !cases.some(c => c.name === name))
  if (unknown.length > 0)
    throw new Error(`bench: expected cases ${cases.map(c => c.name).join(', ')}, got ${unknown.join(', ')}`)
  const chosen = positionals.length > 0 ? cases.filter(c => positionals.includes(c.name)) : cases
  const rounds = Number(values.rounds ?? (values.quick ? 10 : 30))
  const threads = Number(values.threads)
  setNumThreads(threads)
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    arch: arch(),
    node: process.version,
    libtorch: libtorchVersion(),
    threads,
  }
  console.log(JSON.stringify(machine))
  console.log(
    '| case | shape | ours, median (minimum) | peer, median (minimum) | ratio |\n| --- | --- | --- | --- | --- |',
  )
  for (const { run } of chosen) {
    for (const row of await run({ rounds, threads, quick: values.quick, data: values.data })) {
      console.log(line(row))
      appendFileSync(
        values.out,
        `${JSON.stringify({ date: new Date().toISOString().slice(0, 10), ...row, rounds, machine })}\n`,
      )
    }
  }
}

function line({ case: name, shape, ours, peer, ratio, unit = 'ms', note }: BenchRow): string {
  const show = (value: { median: number; minimum: number }) =>
    `${value.median.toFixed(unit === 'ms' ? 1 : 2)} (${value.minimum.toFixed(unit === 'ms' ? 1 : 2)}) ${unit}`
  const other = peer ? `${peer.name}: ${show(peer)}` : (note ?? '')
  return `| ${name} | ${shape} | ${show(ours)} | ${other} | ${ratio === undefined ? '' : ratio.toFixed(2)} |`
}

main().catch((error: unknown) => {
  console.error(error)
  process.exitCode = 1
})
