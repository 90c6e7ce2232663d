import { dirname } from 'node:path'
import type { Command } from 'commander'
import {
  type AnyDataset,
  type Dataset,
  type LoadFileOptions,
  loadDataset,
  loadFile,
  requirePart,
  requireTask,
} from '../data/index.ts'
import { ConfigError } from '../errors.ts'
import { findDataset } from '../setup/assets.ts'
import type { ModelSettings } from '../train/config.ts'
import type { AnyExample, CreateOptions } from '../train/types.ts'
import { type ColumnFlags, columnOptions } from './column-flags.ts'
import type { TrainRequest } from './train-settings.ts'

/** Flags that name a known data set. */
export type DatasetFlags = { dataset?: string; data?: string }

type TrainTask = ModelSettings['task']

/** What a training works with, and what the data says about the model. */
export type Parts = {
  name: string | undefined
  train: readonly AnyExample[]
  validation: readonly AnyExample[] | undefined
  test: readonly AnyExample[] | undefined
  settings: Pick<CreateOptions, 'task' | 'problemType' | 'labels'>
  warnings: readonly string[]
}

const partNames = ['train', 'validation', 'test'] as const

/** Adds `--dataset` and `--data`. */
export function addDatasetFlags(command: Command): Command {
  command.option('--dataset <name>', 'a known data set (spamassassin, cola, sst2, mrpc, rte, stsb, ...)')
  return command.option('--data <dir>', 'folder that holds one folder a data set (spamassassin is in the cache)')
}

/**
 * The parts of a known data set.
 *
 * @throws ConfigError where its folder is not given; SetupError where the cache lacks it.
 */
export async function readDataset(name: string, data: string | undefined): Promise<AnyDataset> {
  if (data !== undefined) return loadDataset(name, data)
  if (name === 'spamassassin') return loadDataset('spamassassin', dirname(findDataset(name)))
  const message = `--dataset ${name}: expected the folder of the data sets, got none; give it with --data DIR`
  throw new ConfigError('CONFIG_DATA', message, { key: 'data' })
}

/** The examples of a user's file, `-` for standard input. */
export async function readExamples(
  file: string,
  flags: ColumnFlags,
  options: Pick<LoadFileOptions<TrainTask>, 'task' | 'problemType' | 'labels' | 'format'>,
): Promise<AnyExample[]> {
  const source = file === '-' ? { name: 'stdin', bytes: process.stdin } : file
  return loadFile(source, { ...columnOptions(flags), ...options })
}

/**
 * The parts that `train` was asked to work with.
 *
 * @throws ConfigError where there are none, or both a data set and files.
 */
export async function readParts({ places, model }: TrainRequest): Promise<Parts> {
  const files = partNames.filter(part => places[part] !== undefined)
  if (places.dataset !== undefined && files.length > 0) {
    const flags = files.map(part => `--${part}`).join(', ')
    throw new ConfigError(
      'CONFIG_DATA',
      `train: expected --dataset or files, got --dataset and ${flags}; give one of them`,
    )
  }
  if (places.dataset !== undefined) return fromDataset(places.dataset, places.data, model.task as TrainTask | undefined)
  if (places.train === undefined) {
    throw new ConfigError(
      'CONFIG_DATA',
      'train: expected training examples, got none; give --dataset NAME or --train FILE',
    )
  }
  const { task, problemType, labels } = model as Pick<LoadFileOptions<TrainTask>, 'task' | 'problemType' | 'labels'>
  const options = { task, problemType, labels }
  const read = (file: string | undefined) => (file === undefined ? undefined : readExamples(file, places, options))
  const parts = { validation: await read(places.validation), test: await read(places.test) }
  return {
    name: undefined,
    train: await readExamples(places.train, places, options),
    ...parts,
    settings: {},
    warnings: [],
  }
}

async function fromDataset(name: string, data: string | undefined, task: TrainTask | undefined): Promise<Parts> {
  const found = await readDataset(name, data)
  const dataset = requireTrainTask(found, task ?? found.info.task)
  const { validation, test, info } = dataset
  const { problemType, labels, warnings } = info
  const settings = { task: info.task, problemType, labels }
  return { name, train: requirePart(dataset, 'train'), validation, test, settings, warnings }
}

/**
 * A data set that a model of this task can be trained on.
 *
 * @throws ConfigError where it is of another.
 */
export function requireTrainTask(dataset: AnyDataset, task: string): Dataset<TrainTask> {
  const isTagging = task === 'token-classification'
  return (
    isTagging ? requireTask(dataset, 'token-classification') : requireTask(dataset, 'text-classification')
  ) as Dataset<TrainTask>
}
