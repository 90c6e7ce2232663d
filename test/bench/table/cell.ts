import { type Dataset, type Example, requirePart } from '../../../lib/data/index.ts'
import { findModel } from '../../../lib/setup/assets.ts'
import { libtorchVersion } from '../../../lib/torch.ts'
import { FIELDS, type FieldName, fitSettings, modelSettings, TunedModel } from '../../../lib/train/index.ts'
import { type Cell, maxLength } from './plan.ts'
import type { CellKey, CellResult } from './results.ts'

/** Settings that say where and how loudly a training runs, or what the data say: a result does not depend on them. */
const left = new Set<FieldName>(['device', 'labels', 'preset', 'seed', 'logEvery', 'evalEvery', 'evalBatchSize'])

/** What the cell is run with, defaults filled in. */
export function keyOf(cell: Cell): CellKey {
  const { dataset, method, seed } = cell
  const chosen = modelSettings({ ...modelOptions(cell), problemType: problemTypeOf(cell) })
  const settings: Readonly<Record<string, unknown>> = fitSettings(chosen, fitOptions(cell))
  const names = (Object.keys(FIELDS) as FieldName[]).filter(
    name => !('free' in FIELDS[name]) && !left.has(name) && FIELDS[name].methods.includes(method.method),
  )
  return {
    version: dataset.version,
    dataset: dataset.name,
    method: method.method,
    seed,
    settings: Object.fromEntries(names.flatMap(name => (settings[name] === undefined ? [] : [[name, settings[name]]]))),
  }
}

function problemTypeOf({ dataset }: Cell): 'regression' | 'single-label' {
  return dataset.columns.some(({ metric }) => metric === 'pearson') ? 'regression' : 'single-label'
}

function modelOptions({ method, seed }: Cell) {
  return { ...method.model, method: method.method, maxLength, seed, device: 'cpu' }
}

function fitOptions({ dataset, method }: Cell) {
  return { ...method.fit, limitTrain: dataset.trainRows }
}

export interface RunOptions {
  threads: number
  /** Takes at most so many training and dev rows: for a trial of the script. */
  limit?: number | undefined
}

/** Trains one cell in this thread and scores it on the official dev set. */
export async function runCell(cell: Cell, data: Dataset, { threads, limit }: RunOptions): Promise<CellResult> {
  const { trainRows } = cell.dataset
  const train = requirePart(data, 'train').slice(0, Math.min(trainRows, limit ?? trainRows))
  const validation = requirePart(data, 'validation').slice(0, limit)
  return trainAndScore(cell, { train, validation, labels: data.info.labels }, threads)
}

export interface CellData {
  train: readonly Example[]
  validation: readonly Example[]
  labels: readonly string[] | undefined
}

/** Trains on some rows and scores on others, by the settings of a cell. */
export async function trainAndScore(cell: Cell, data: CellData, threads: number): Promise<CellResult> {
  const began = performance.now()
  const problemType = problemTypeOf(cell)
  const labels = problemType === 'regression' ? {} : { labels: data.labels }
  const model = await TunedModel.create(findModel(), { ...modelOptions(cell), ...labels, problemType, threads })
  try {
    const report = await model.fit(data.train, { ...fitOptions(cell), validation: data.validation })
    const { metrics, steps, time, truncated, parameters } = report
    if (!metrics.validation) throw new Error('table: expected scores on the validation rows, got none')
    return {
      ...keyOf(cell),
      rows: { train: data.train.length, validation: data.validation.length },
      metrics: metrics.validation,
      steps,
      seconds: {
        search: round(time.search),
        retrain: round(time.retrain),
        total: round((performance.now() - began) / 1000),
      },
      truncated: { train: truncated.train, validation: truncated.validation },
      trainable: parameters.trainable,
      total: parameters.total,
      threads,
      libtorch: libtorchVersion(),
      node: process.version,
    }
  } finally {
    model.dispose()
  }
}

function round(seconds: number): number {
  return Math.round(seconds * 10) / 10
}
