import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { prepareModel, saveAdapter, type TuningSettings, trainableParameters } from '../../lib/adapters/index.ts'
import { type Example, loadDataset } from '../../lib/data/index.ts'
import { type Batch, loadModel, packBatch, type SequenceClassifier } from '../../lib/models/index.ts'
import { findDataset, findModel } from '../../lib/setup/assets.ts'
import { padBatch, Tokenizer } from '../../lib/text/index.ts'
import { manualSeed, type Tensor, tensor } from '../../lib/torch.ts'
import { root } from '../parity/golden.ts'

/** One shape of work: texts of a data set in batches of a size. */
export interface Shape {
  name: string
  dataset: string
  batchSize: number
  /** So many examples make one text, for texts that are all as long as they may be. */
  joined?: number
}

export const shapes: readonly Shape[] = [
  { name: 'CoLA, batch 32', dataset: 'cola', batchSize: 32 },
  { name: 'RTE, batch 8', dataset: 'rte', batchSize: 8 },
  { name: '128 tokens, batch 8', dataset: 'rte', batchSize: 8, joined: 8 },
]

/** A batch as a twin reads it. */
export interface PlainBatch {
  inputIds: number[][]
  attentionMask: number[][]
  tokenTypeIds: number[][]
  labels: number[]
}

export interface LoadedBatch {
  inputs: Batch
  labels: Tensor
}

const maxLength = 128

/** Tokens of a batch that are no padding, by text. */
export function lengthsOf({ attentionMask }: PlainBatch): number[] {
  return attentionMask.map(row => row.reduce((sum, kept) => sum + kept, 0))
}

/** The first texts of a data set in padded batches, in their order. */
export async function makeBatches(shape: Shape, count: number, data: string | undefined): Promise<PlainBatch[]> {
  const { examples, labels } = await readExamples(shape.dataset, data)
  const tokenizer = await Tokenizer.fromDir(findModel())
  const batches: PlainBatch[] = []
  for (let i = 0; i < count; i++) {
    const rows = examples.slice(i * shape.batchSize, (i + 1) * shape.batchSize)
    const texts = rows.map(({ text, pair }, row) => {
      if (shape.joined !== undefined) {
        const first = i * shape.batchSize + row
        return {
          text: examples
            .slice(first, first + shape.joined)
            .map(example => example.text)
            .join(' '),
        }
      }
      return pair === undefined ? { text } : { text, pair }
    })
    const encoded = await tokenizer.encode(texts, { maxLength })
    const padded = padBatch(encoded, tokenizer.padding())
    const [size, length] = padded.shape
    const rowsOf = (flat: BigInt64Array) =>
      Array.from({ length: size }, (_, row) => Array.from(flat.subarray(row * length, (row + 1) * length), Number))
    batches.push({
      inputIds: rowsOf(padded.inputIds),
      attentionMask: rowsOf(padded.attentionMask),
      tokenTypeIds: rowsOf(padded.tokenTypeIds),
      labels: rows.map(({ label }) => labels.indexOf(label)),
    })
  }
  return batches
}

async function readExamples(dataset: string, data: string | undefined) {
  const folder = data ?? join(root, '../shared/data')
  const official = existsSync(join(folder, dataset))
  const loaded = official
    ? await loadDataset(dataset, folder)
    : await loadDataset('spamassassin', join(findDataset('spamassassin'), '..'))
  const examples = loaded.train as (Example & { text: string; pair?: string; label: string })[]
  return { examples, labels: [...new Set(examples.map(({ label }) => label))].sort() }
}

export function loadBatch({ labels, ...ids }: PlainBatch): LoadedBatch {
  const shape: [number, number] = [ids.inputIds.length, ids.inputIds[0]?.length ?? 0]
  const flat = (rows: number[][]) => BigInt64Array.from(rows.flat(), BigInt)
  const { inputIds, attentionMask, tokenTypeIds } = ids
  const padded = {
    layout: 'padded' as const,
    size: shape[0],
    shape,
    inputIds: flat(inputIds),
    attentionMask: flat(attentionMask),
    tokenTypeIds: flat(tokenTypeIds),
  }
  return { inputs: packBatch(padded), labels: tensor(labels, { dtype: 'int64' }) }
}

/** A model with fresh adapters, and a folder from which a twin starts at the same values. */
export function makeModel(settings: TuningSettings): {
  model: SequenceClassifier
  adapter: string
  lower: Tensor[]
  upper: Tensor[]
} {
  manualSeed(0)
  const model = loadModel(findModel(), { head: 'new', labels: ['0', '1'] })
  prepareModel(model, settings)
  const adapter = scratchFolder()
  saveAdapter(adapter, model, { settings, base: findModel() })
  const { lower, upper } = trainableParameters(model)
  return { model, adapter, lower: lower.map(([, t]) => t), upper: upper.map(([, t]) => t) }
}

/** Every so-manieth row of a batch, so that `fraction` of them are left, one at least. */
export function thinned(batch: PlainBatch, fraction: number): PlainBatch {
  const size = batch.labels.length
  const count = Math.max(1, Math.round(size * fraction))
  const chosen = Array.from({ length: count }, (_, i) => Math.floor((i * size) / count))
  const take = <T>(rows: readonly T[]) => chosen.map(row => rows[row] as T)
  return {
    inputIds: take(batch.inputIds),
    attentionMask: take(batch.attentionMask),
    tokenTypeIds: take(batch.tokenTypeIds),
    labels: take(batch.labels),
  }
}

export function writeBatches(batches: Readonly<Record<string, readonly PlainBatch[]>>): string {
  const file = join(scratchFolder(), 'batches.json')
  writeFileSync(file, JSON.stringify(batches))
  return file
}

let scratch: string | undefined

/** A folder that goes with the process. */
function scratchFolder(): string {
  if (scratch === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'bidora-bench-'))
    process.once('exit', () => rmSync(made, { recursive: true, force: true }))
    scratch = made
  }
  return mkdtempSync(join(scratch, 'part-'))
}

/** Seconds that `fn` takes. */
export function seconds(fn: () => void): number {
  const start = process.hrtime.bigint()
  fn()
  return Number(process.hrtime.bigint() - start) / 1e9
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}
