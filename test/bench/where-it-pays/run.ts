// node dist/test/bench/where-it-pays/run.js [--data DIR] [--stages a,b] [--budget MINUTES] [--part K/N]: makes the runs of
// the study that results/where-it-pays.jsonl lacks, one process, one thread; of N such commands beside each other, each
// takes every Nth run. A run that was cut short goes on from its checkpoint.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type CompareVariant, compare } from '../../../lib/compare.ts'
import { AbortError } from '../../../lib/errors.ts'
import { findModel } from '../../../lib/setup/assets.ts'
import { root } from '../../parity/golden.ts'
import { common, epochsOf, maxLengthOf, type Stage, type StudyCell, stages } from './plan.ts'
import { addLine, keyOf, readStudy } from './results.ts'

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: join(root, '../shared/data') },
    stages: { type: 'string', default: stages.map(({ name }) => name).join() },
    budget: { type: 'string' },
    part: { type: 'string', default: '1/1' },
  },
})
const stop = new AbortController()
process.once('SIGINT', () => stop.abort())
if (values.budget !== undefined) setTimeout(() => stop.abort(), Number(values.budget) * 60_000).unref()
const [part, parts] = values.part.split('/').map(Number) as [number, number]

interface StudyRun {
  stage: Stage
  cell: StudyCell
  contender: string
  settings: CompareVariant
  seed: number
}

// seed by seed and cell by cell, so that a study that is not whole yet is even
const wanted: StudyRun[] = values.stages.split(',').flatMap(name => {
  const stage = stages.find(one => one.name === name)
  if (!stage) throw new Error(`expected a stage of ${stages.map(one => one.name).join(', ')}, got ${name}`)
  return stage.seeds.flatMap(seed =>
    stage.cells.flatMap(cell =>
      Object.entries(stage.contenders(cell)).map(([contender, settings]) => ({
        stage,
        cell,
        contender,
        settings,
        seed,
      })),
    ),
  )
})
const have = new Set(readStudy().map(keyOf))
const lineOf = ({ stage, cell, contender, settings, seed }: StudyRun) => ({
  stage: stage.name,
  ...cell,
  contender,
  settings,
  seed,
})
const missing = wanted.filter(run => !have.has(keyOf(lineOf(run))))
console.log(`${wanted.length} runs, ${missing.length} of them missing`)

for (const [index, run] of missing.filter((_, place) => place % parts === part - 1).entries()) {
  if (stop.signal.aborted) break
  try {
    await makeRun(run, `[${index + 1} of ${Math.ceil(missing.length / parts)}]`)
  } catch (error) {
    if (!(error instanceof AbortError)) throw error
    console.log(error.message)
  }
}

async function makeRun(run: StudyRun, place: string): Promise<void> {
  const { stage, cell, contender, settings, seed } = run
  const { dataset, rows } = cell
  const { readFrom } = stage
  const output = join(
    root,
    'build/where-it-pays',
    `${stage.name}-${dataset}-${rows}-${contender}-${seed}`.replace(/[^\w.-]+/g, '_'),
  )
  const { runs } = await compare({
    ...common,
    ...stage.shared,
    model: findModel(),
    datasets: [dataset],
    ...(dataset === 'spamassassin' ? {} : { data: values.data }),
    limitTrain: readFrom ?? rows,
    ...(readFrom === undefined ? {} : { holdOut: 1 - rows / readFrom }),
    epochs: epochsOf(rows),
    maxLength: maxLengthOf(dataset),
    variants: { [contender]: settings },
    seeds: [seed],
    jobs: 1,
    threads: 1,
    output,
    signal: stop.signal,
    onProgress({ kind, score, metric, seconds, error }) {
      if (kind === 'failed') console.log(`${place} ${dataset} ${rows} ${contender} seed ${seed}: ${error?.message}`)
      if ((kind !== 'done' && kind !== 'kept') || score === undefined) return
      const points = Number((score * 100).toFixed(3))
      console.log(`${place} ${dataset} ${rows} ${contender} seed ${seed}: ${points} (${seconds!.toFixed(0)} s)`)
      addLine({ ...lineOf(run), metric: metric!, score: points, seconds: Math.round(seconds!) })
    },
  })
  if (runs.every(({ status }) => status === 'done')) rmSync(output, { recursive: true, force: true })
}
