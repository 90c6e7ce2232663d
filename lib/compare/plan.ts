import { availableParallelism } from 'node:os'
import { nearest } from '../data/nearest.ts'
import { findDataset } from '../data/registry.ts'
import { ConfigError } from '../errors.ts'
import { assertCallback, assertOptions, assertPath, assertSignal, assertSource } from '../host/check-arguments.ts'
import { findDriver } from '../setup/driver.ts'
import { FIELDS } from '../train/config.ts'
import type { CompareDataset } from './dataset.ts'
import { type Contender, contendersOf, type Given } from './settings.ts'
import type { CompareOptions } from './types.ts'

const where = 'compare'

/** Options of `compare` that are no settings of a training. */
export const COMPARE_KEYS = [
  'model',
  'methods',
  'variants',
  'seeds',
  'datasets',
  'data',
  'examples',
  'validation',
  'test',
  'metric',
  'scoreOn',
  'holdOut',
  'pairs',
  'output',
  'jobs',
  'keepModels',
  'onProgress',
  'signal',
] as const satisfies (keyof CompareOptions)[]

/** What was asked for, checked. */
export interface ComparePlan {
  readonly contenders: readonly Contender[]
  readonly pairs: readonly (readonly [string, string])[]
  readonly seeds: readonly number[]
  readonly datasets: readonly (string | CompareDataset)[]
  readonly data: string | undefined
  readonly jobs: number
  readonly threads: number
}

/**
 * Checks everything that can be checked before data is read.
 *
 * @throws ConfigError, ArgumentError
 */
export function planOf(options: CompareOptions): ComparePlan {
  assertOptions(options, where)
  assertPath(options.model, where, 'the folder of a pretrained model')
  assertPath(options.output, where, 'output (the folder of the results)')
  assertCallback(options.onProgress, where, 'onProgress')
  assertSignal(options.signal, where)
  checkChoices(options)
  const shared = Object.fromEntries(
    Object.entries(options).filter(([key]) => !(COMPARE_KEYS as readonly string[]).includes(key)),
  )
  const { threads, ...settings } = shared
  const contenders = contendersOf(
    listOf(options.methods ?? [], 'methods'),
    (options.variants ?? {}) as Readonly<Record<string, Given>>,
    settings,
    COMPARE_KEYS,
  )
  const names = contenders.map(({ name }) => name)
  const runs = datasetsOf(options).length * names.length * options.seeds.length
  return {
    contenders,
    pairs: pairsOf(options.pairs, names),
    seeds: seedsOf(options.seeds),
    datasets: datasetsOf(options),
    data: options.data,
    ...machine(options.jobs, threads, runs, settings.device),
  }
}

function listOf(value: readonly string[], key: string): readonly string[] {
  if (Array.isArray(value) && value.every(item => typeof item === 'string')) return value
  throw wrong(key, 'a list of names', value)
}

function seedsOf(seeds: readonly number[]): readonly number[] {
  const whole = Array.isArray(seeds) && seeds.length > 0 && seeds.every(seed => Number.isSafeInteger(seed) && seed >= 0)
  if (!whole || new Set(seeds).size < seeds.length) throw wrong('seeds', 'different whole numbers from 0', seeds)
  return seeds
}

function checkChoices({ scoreOn, holdOut, metric, keepModels, jobs, data, seeds }: CompareOptions): void {
  seedsOf(seeds)
  if (scoreOn !== undefined && !['validation', 'test'].includes(scoreOn))
    throw wrong('scoreOn', "'validation' or 'test'", scoreOn)
  if (holdOut !== undefined && !(holdOut > 0 && holdOut < 1)) throw wrong('holdOut', 'a share between 0 and 1', holdOut)
  if (holdOut !== undefined && scoreOn !== undefined)
    throw new ConfigError('CONFIG_TOGETHER', 'compare: holdOut and scoreOn both say what is scored on; give one', {
      key: 'holdOut',
    })
  if (metric !== undefined && typeof metric !== 'string') throw wrong('metric', 'the name of a score', metric)
  if (keepModels !== undefined && typeof keepModels !== 'boolean')
    throw wrong('keepModels', 'true or false', keepModels)
  if (jobs !== undefined && !(Number.isSafeInteger(jobs) && jobs > 0))
    throw wrong('jobs', 'a whole number of at least 1', jobs)
  if (data !== undefined) assertPath(data, where, 'data (the folder of the data sets)')
}

/** Examples in memory are a data set like others. */
function datasetsOf({ datasets, examples, validation, test }: CompareOptions): readonly (string | CompareDataset)[] {
  if (examples !== undefined) {
    if (datasets !== undefined)
      throw new ConfigError('CONFIG_DATA', 'compare: expected datasets or examples, got both; give one of them', {
        key: 'datasets',
      })
    assertSource(examples, where, 'examples')
    return [{ name: 'examples', train: examples, validation, test }]
  }
  if (!Array.isArray(datasets) || datasets.length === 0) throw wrong('datasets', 'data sets (or examples)', datasets)
  const names = datasets.map(each => (typeof each === 'string' ? findDataset(each).name : ownName(each)))
  if (new Set(names).size < names.length) throw wrong('datasets', 'data sets under different names', names)
  return datasets
}

function ownName(dataset: CompareDataset): string {
  const { name, train } = assertOptions(dataset, where)
  if (typeof name !== 'string' || !/^[A-Za-z0-9][A-Za-z0-9._+-]*$/.test(name))
    throw wrong('datasets', 'a name of letters, digits, . _ + - for each', name)
  for (const part of [train, dataset.validation, dataset.test]) {
    if (typeof part !== 'string' && (part !== undefined || part === train)) assertSource(part, where, `rows of ${name}`)
  }
  return name
}

function pairsOf(pairs: CompareOptions['pairs'], names: readonly string[]): readonly (readonly [string, string])[] {
  const [first, ...others] = names
  if (pairs === undefined || pairs === 'first') return others.map(name => [name, first!] as const)
  if (pairs === 'all')
    return names.flatMap((against, at) => names.slice(at + 1).map(method => [method, against] as const))
  if (!Array.isArray(pairs)) throw wrong('pairs', "'first', 'all' or pairs of names", pairs)
  for (const pair of pairs as readonly unknown[]) {
    const unknown = Array.isArray(pair) && pair.length === 2 ? pair.find(name => !names.includes(name)) : pair
    if (unknown === undefined && (pair as string[])[0] !== (pair as string[])[1]) continue
    const guess = typeof unknown === 'string' ? nearest(unknown, names) : undefined
    throw new ConfigError(
      'CONFIG_PAIRS',
      `compare: expected pairs of two of ${names.join(', ')}, got ${JSON.stringify(pair)}${guess === undefined ? '' : `; did you mean '${guess}'?`}`,
      { key: 'pairs', value: pair, allowed: names },
    )
  }
  return pairs
}

/** Half of the cores, one process each with the threads that are left to it; a GPU is not shared unless asked for. */
function machine(asked: number | undefined, threads: unknown, runs: number, device: unknown) {
  const cores = availableParallelism()
  if (threads !== undefined && !(Number.isSafeInteger(threads) && (threads as number) > 0))
    throw wrong('threads', 'a whole number of at least 1', threads)
  const gpu = device !== 'cpu' && findDriver() !== undefined
  const jobs = Math.min(asked ?? (gpu ? 1 : Math.ceil(cores / 2)), cores, runs)
  return { jobs, threads: (threads as number | undefined) ?? Math.max(1, Math.floor(cores / jobs)) }
}

function wrong(key: string, expected: string, got: unknown): ConfigError {
  const shown = JSON.stringify(got) ?? String(got)
  return new ConfigError('CONFIG_VALUE', `compare: expected ${key} as ${expected}, got ${shown.slice(0, 80)}`, {
    key,
    ...(Object.hasOwn(FIELDS, key) && { value: got }),
  })
}
