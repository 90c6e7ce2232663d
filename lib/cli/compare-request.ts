import { basename } from 'node:path'
import { COMPARE_KEYS } from '../compare/plan.ts'
import type { CompareDataset, CompareOptions } from '../compare.ts'
import { ConfigError } from '../errors.ts'
import { FIELDS, type FieldName, fullName, RIVALS } from '../train/config.ts'
import { flagOf, valueFromText } from '../train/settings.ts'
import { readObject, twice } from './train-settings.ts'

type Given = Record<string, unknown>

const FILES = ['train', 'validation', 'test'] as const
const COLUMNS = ['textColumn', 'pairColumn', 'labelColumn', 'delimiter'] as const
const LISTS = ['methods', 'dataset'] as const

/**
 * What the command line and the file of `--config` ask for together; flags win. The file's keys are the options of the
 * function `compare`, and `train`, `validation`, `test` for the files of one data set.
 *
 * @throws ConfigError for a text that does not have the form of its flag.
 */
export function compareRequest(flags: Readonly<Given>): CompareOptions {
  const given = fromFlags(flags)
  const file: Given = typeof flags.config === 'string' ? { ...readObject(flags.config) } : {}
  const variants = { ...(file.variants as Given | undefined), ...(given.variants as Given | undefined) }
  for (const key of Object.keys(file)) {
    const name = fullName(key) // the file may hold the short name of what the command line gives, or of its rival
    if (Object.hasOwn(given, name) || Object.hasOwn(given, RIVALS[name] ?? name)) delete file[key]
  }
  const { train, validation, test, textColumn, pairColumn, labelColumn, delimiter, ...rest } = {
    ...file,
    ...given,
  } as Given
  const files = Object.entries({ train, validation, test }).filter(([, value]) => value !== undefined)
  const options: Given = { ...rest, ...(Object.keys(variants).length > 0 && { variants }) }
  if (files.length > 0) {
    if (options.datasets !== undefined)
      throw new ConfigError('CONFIG_DATA', 'compare: expected --dataset or files, got both; give one of them')
    options.datasets = [ownFiles(Object.fromEntries(files), { textColumn, pairColumn, labelColumn, delimiter })]
  }
  require(options, 'model', 'a pretrained model; give it with --model DIR')
  require(options, 'output', 'a folder for the results; give it with --output DIR')
  require(options, 'seeds', 'seeds; give them with --seeds 0,1,2')
  require(options, 'datasets', 'data; give it with --dataset NAME --data DIR, or --train FILE --test FILE')
  return options as unknown as CompareOptions
}

function require(options: Readonly<Given>, key: string, what: string): void {
  if (options[key] !== undefined) return
  throw new ConfigError('CONFIG_VALUE', `compare: expected ${what}`, { key })
}

function ownFiles(files: Given, columns: Given): CompareDataset {
  const { train } = files
  if (typeof train !== 'string')
    throw new ConfigError('CONFIG_DATA', 'compare: expected training examples, got none; give them with --train FILE')
  const name = basename(train).replace(/\.(gz|jsonl|csv|tsv|parquet|arrow)\b/g, '')
  return {
    ...columns,
    ...files,
    name: name.replace(/[^A-Za-z0-9._+-]/g, '-').replace(/^[^A-Za-z0-9]+/, '') || 'own',
    train,
  }
}

function fromFlags(flags: Readonly<Given>): Given {
  const given: Given = {}
  for (const [key, value] of Object.entries(flags)) {
    if ((LISTS as readonly string[]).includes(key)) given[key === 'dataset' ? 'datasets' : key] = namesOf(value)
    else if (key === 'seeds') given.seeds = namesOf(value).map(seed => numberOf('seeds', seed))
    else if (key === 'variant') given.variants = variantsOf(value as string[])
    else if (key === 'pairs') given.pairs = pairsOf(String(value))
    else if (key === 'jobs' || key === 'holdOut') given[key] = numberOf(key, String(value))
    else if (isOwn(key)) given[key] = value
    else {
      const name = fullName(key)
      if (!Object.hasOwn(FIELDS, name)) continue // --json, --config
      if (Object.hasOwn(given, name)) throw twice(name, 'compare')
      given[name] = value === true ? true : valueFromText(name as FieldName, String(value))
    }
  }
  return given
}

function isOwn(key: string): boolean {
  return ([...COMPARE_KEYS, ...FILES, ...COLUMNS] as readonly string[]).includes(key)
}

function namesOf(value: unknown): string[] {
  return String(value)
    .split(',')
    .map(name => name.trim())
}

function numberOf(key: string, text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (!Number.isNaN(value)) return value
  throw new ConfigError('CONFIG_VALUE', `compare: expected ${flagOf(key)} as numbers, got '${text}'`, { key })
}

/** `first`, `all`, or `bidora:lora,bidora:dora`. */
function pairsOf(text: string): unknown {
  return text === 'first' || text === 'all' ? text : namesOf(text).map(pair => pair.split(':'))
}

function variantsOf(texts: readonly string[]): Given {
  const variants = texts.map(variantOf)
  const names = variants.map(([name]) => name)
  const double = names.find((name, at) => names.indexOf(name) !== at)
  if (double === undefined) return Object.fromEntries(variants)
  throw new ConfigError(
    'CONFIG_VARIANT',
    `compare: expected variants under names of their own, got --variant ${double} twice; take another name for one`,
    { key: 'variants', name: double },
  )
}

/**
 * `name:key=value,key=value`: keys as flags without the dashes or in camelCase. A part without `=` goes on with the list
 * before it (`target-modules=query,value`).
 */
function variantOf(text: string): [string, Given] {
  const colon = text.indexOf(':')
  const parts: string[] = []
  for (const part of text.slice(colon + 1).split(',')) {
    if (part.includes('=') || parts.length === 0) parts.push(part)
    else parts[parts.length - 1] += `,${part}`
  }
  if (colon < 1 || parts.some(part => part.indexOf('=') < 1)) {
    throw new ConfigError(
      'CONFIG_VARIANT',
      `compare: expected --variant NAME:KEY=VALUE,KEY=VALUE, got '${text}'; for example exact:method=bidora,hypergradient=exact`,
      { key: 'variants', value: text },
    )
  }
  const settings = parts.map(part => {
    const [key, ...value] = part.split('=')
    const name = fullName(key!.trim().replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()))
    const words = value.join('=')
    return [name, Object.hasOwn(FIELDS, name) ? valueFromText(name as FieldName, words) : words] as const
  })
  return [text.slice(0, colon), Object.fromEntries(settings)]
}
