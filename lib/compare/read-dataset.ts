import { once } from 'node:events'
import { createWriteStream, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { finished } from 'node:stream/promises'
import { setImmediate } from 'node:timers/promises'
import { chunks, transferLimits } from '../host/chunks.ts'
import type { CompareContext } from './context.ts'
import { type CompareDataset, type DatasetSource, PARTS, type PreparedDataset } from './dataset.ts'
import { inChild } from './process.ts'
import type { Scoring } from './runs.ts'
import { scoredDataset } from './scores.ts'
import type { ReportDataset } from './types.ts'

/** A data set that was read, and how its runs are scored. */
export type Ready = { prepared: PreparedDataset; shown: ReportDataset; scoring: Scoring }

/** Reads a data set in a process of its own. */
export async function readDataset(dataset: string | CompareDataset, given: CompareContext): Promise<Ready> {
  const { options, plan, base, output, signal } = given
  const folder = join(output, 'data')
  mkdirSync(folder, { recursive: true })
  const source = typeof dataset === 'string' ? known(dataset, plan.data) : await own(dataset, folder, given)
  const task = { source, base, file: join(folder, `${source.name}.json`) }
  const prepared = await inChild('prepare', task, { threads: plan.threads, signal })
  const { metric, scoreOn, holdOut } = options
  const asked = { metric: metric ?? (typeof dataset === 'string' ? undefined : dataset.metric), scoreOn, holdOut }
  const { dataset: shown, scoring } = scoredDataset(prepared, asked)
  const { warnings } = prepared
  given.report({ kind: 'prepared', dataset: source.name, finished: 0, failed: 0, total: 0, warnings })
  return { prepared, shown, scoring }
}

function known(name: string, data: string | undefined): DatasetSource {
  return { name, known: { folder: data === undefined ? undefined : resolve(data) } }
}

/** Examples in memory are written where the process that checks them finds them, a small part at a time. */
async function own(
  dataset: CompareDataset,
  folder: string,
  { options, signal }: CompareContext,
): Promise<DatasetSource> {
  const { name, textColumn, pairColumn, labelColumn, delimiter } = dataset
  const files: DatasetSource['files'] = Object.fromEntries(
    PARTS.flatMap(part => (typeof dataset[part] === 'string' ? [[part, resolve(dataset[part])] as const] : [])),
  )
  const inMemory = PARTS.filter(part => dataset[part] !== undefined && typeof dataset[part] !== 'string')
  const lines = inMemory.length === 0 ? undefined : join(folder, `${name}.jsonl`)
  if (lines !== undefined) {
    const file = createWriteStream(lines)
    for (const part of inMemory) {
      for await (const items of chunks(dataset[part] as Iterable<unknown>, transferLimits, signal)) {
        const more = file.write(items.map(item => `${JSON.stringify([part, item])}\n`).join(''))
        await (more ? setImmediate() : once(file, 'drain'))
      }
    }
    file.end()
    await finished(file)
  }
  const problemType = dataset.problemType ?? options.problemType
  const labels = dataset.labels ?? options.labels
  return { name, files, columns: { textColumn, pairColumn, labelColumn, delimiter }, lines, problemType, labels }
}
