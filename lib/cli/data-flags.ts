import { dirname } from 'node:path'
import type { Command } from 'commander'
import { type Dataset, type LoadFileOptions, loadDataset, loadFile, requirePart, requireTask } from '../data/index.ts'
import { ConfigError } from '../errors.ts'
import { findDataset } from '../setup/assets.ts'
import type { CreateOptions, Example } from '../train/types.ts'
import { type ColumnFlags, columnOptions } from './column-flags.ts'
import type { TrainRequest } from './train-settings.ts'

/** Flags that name a known data set. */
export type DatasetFlags = { dataset?: string; data?: string }

/** What a training works with, and what the data says about the model. */
export type Parts = {
  name: string | undefined
  train: readonly Example[]
  validation: readonly Example[] | undefined
  test: readonly Example[] | undefined
  settings: Pick<CreateOptions, 'problemType' | 'labels'>
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
export async function readDataset(name: string, data: string | undefined): Promise<Dataset> {
  if (data !== undefined) return requireTask(await loadDataset(name, data), 'text-classification')
  if (name === 'spamassassin') return loadDataset('spamassassin', dirname(findDataset(name)))
  const message = `--dataset ${name}: expected the folder of the data sets, got none; give it with --data DIR`
  throw new ConfigError('CONFIG_DATA', message, { key: 'data' })
}

/** The examples of a user's file, `-` for standard input. */
export async function readExamples(
  file: string,
  flags: ColumnFlags,
  options: Pick<LoadFileOptions, 'problemType' | 'labels' | 'format'>,
): Promise<Example[]> {
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
  if (places.dataset !== undefined) return fromDataset(places.dataset, places.data)
  if (places.train === undefined) {
    throw new ConfigError(
      'CONFIG_DATA',
      'train: expected training examples, got none; give --dataset NAME or --train FILE',
    )
  }
  const options = model as Pick<LoadFileOptions, 'problemType' | 'labels'>
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

async function fromDataset(name: string, data: string | undefined): Promise<Parts> {
  const dataset = await readDataset(name, data)
  const { validation, test, info } = dataset
  const { problemType, labels, warnings } = info
  return { name, train: requirePart(dataset, 'train'), validation, test, settings: { problemType, labels }, warnings }
}
