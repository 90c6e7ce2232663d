import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { prepareModel } from '../../lib/adapters/index.ts'
import { labelSet } from '../../lib/data/labels.ts'
import { loadModel } from '../../lib/models/index.ts'
import { manualSeed } from '../../lib/tensor/index.ts'
import { Tokenizer } from '../../lib/text/index.ts'
import { trainByMethod } from '../../lib/train/by-method.ts'
import type { GivenFitSettings, GivenModelSettings } from '../../lib/train/config.ts'
import { encodeExamples } from '../../lib/train/rows.ts'
import { Run } from '../../lib/train/run.ts'
import { fitSettings, modelSettings } from '../../lib/train/settings.ts'
import { Training } from '../../lib/train/training.ts'
import { TunableModel } from '../../lib/train/tunable-model.ts'
import { tuningOf } from '../../lib/train/tuning.ts'
import type { HistoryEntry } from '../../lib/train/types.ts'
import { tinyExamples, tinyModel } from './tiny-model.ts'

/** The tiny model without dropout: two trainings that compute the same thing then have the same bits. */
export function plainTinyModel(): string {
  const base = tinyModel()
  const file = join(base, 'config.json')
  writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/(_dropout_prob"):0\.1/g, '$1:0'))
  return base
}

/** What a training has led to. */
export interface Trained {
  /** Trainable parameters by name. */
  values: Map<string, number[]>
  history: readonly HistoryEntry[]
  /** Values that the training remembers at its end. */
  points: Map<string, number[]>
}

export type Work = (training: Training) => Promise<void>

/** Makes a float64 model with adapters, trains it in this thread, and reads everything. */
export async function trainTiny(
  base: string,
  fit: GivenFitSettings,
  { model: given = {}, work = trainByMethod }: { model?: GivenModelSettings; work?: Work } = {},
): Promise<Trained> {
  const chosen = modelSettings({ dtype: 'float64', rank: 2, maxLength: 32, ...given })
  const settings = fitSettings(chosen, { batchSize: 8, logEvery: 1, ...fit })
  const labels = labelSet(['ham', 'spam'])
  const tokenizer = await Tokenizer.fromDir(base)
  manualSeed(settings.seed)
  const { problemType, dtype } = settings
  const classifier = loadModel(base, { head: 'new', problemType, dtype, device: 'cpu', labels: labels.labels })
  const tuning = tuningOf(settings)
  prepareModel(classifier, tuning)
  const model = new TunableModel({ classifier, tokenizer, settings: chosen.settings, tuning, labels })
  const context = { tokenizer, maxLength: settings.maxLength, stride: 0, shouldStop: () => false }
  const rows = await encodeExamples(tinyExamples(60), labels, 'examples', context)
  const run = new Run({ settings, hooks: {}, truncated: 0 })
  const training = new Training(model, settings, rows, run)
  try {
    await work(training)
    const read = (named: Iterable<readonly [string, { tolist(): unknown }]>) =>
      new Map([...named].map(([name, tensor]) => [name, [tensor.tolist()].flat(3) as number[]]))
    return { values: read(model.trainable), history: run.log.entries, points: read(training.points.tensors()) }
  } finally {
    training.dispose()
    model.dispose()
  }
}

/** Only those parameters whose names are of a kind. */
export function only(
  values: ReadonlyMap<string, number[]>,
  kind: 'magnitude' | 'direction' | 'head',
): Map<string, number[]> {
  const of = (name: string) =>
    name.endsWith('.magnitude') ? 'magnitude' : /\.lora[AB]$/.test(name) ? 'direction' : 'head'
  return new Map([...values].filter(([name]) => of(name) === kind))
}

/** The largest difference between two sets of parameters, relative to the largest number. */
export function distance(one: ReadonlyMap<string, number[]>, other: ReadonlyMap<string, number[]>): number {
  let [difference, largest] = [one.size === other.size ? 0 : Infinity, 0]
  for (const [name, values] of one) {
    values.forEach((value, index) => {
      difference = Math.max(difference, Math.abs(value - (other.get(name)?.[index] ?? Infinity)))
      largest = Math.max(largest, Math.abs(value))
    })
  }
  return difference / largest
}
