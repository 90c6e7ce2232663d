import { readFileSync } from 'node:fs'
import { nearest } from '../data/nearest.ts'
import { ConfigError } from '../errors.ts'
import { ALIASES, FIELDS, type FieldName, fullName, MODEL_FIELDS, RIVALS, SHARED_FIELDS } from '../train/config.ts'
import { flagOf, valueFromText } from '../train/settings.ts'

/** Options of `train` that are no settings of a model or a training: what goes in. */
const PLACES = [
  'model',
  'dataset',
  'data',
  'train',
  'validation',
  'test',
  'textColumn',
  'pairColumn',
  'labelColumn',
  'delimiter',
] as const

export type Places = { readonly [K in (typeof PLACES)[number]]?: string }

/** What `train` was asked for: settings by the call that reads them, and the places. */
export type TrainRequest = {
  model: Record<string, unknown>
  fit: Record<string, unknown>
  places: Places
}

/**
 * Joins the flags of the command line with the file of `--config`, whose keys are the same in camelCase; flags win.
 *
 * @throws ConfigError for a file that is no JSON object, and for a key that is not known.
 */
export function trainRequest(flags: Readonly<Record<string, unknown>>): TrainRequest {
  const given = fromFlags(flags)
  const file = typeof flags.config === 'string' ? readConfig(flags.config) : {}
  for (const key of Object.keys(given)) delete file[RIVALS[key] ?? key]
  const request: TrainRequest = { model: {}, fit: {}, places: {} }
  const places: Record<string, string> = {}
  for (const [key, value] of Object.entries({ ...file, ...given })) {
    if (isPlace(key)) places[key] = placeOf(key, value)
    else if (Object.hasOwn(MODEL_FIELDS, key) || Object.hasOwn(SHARED_FIELDS, key)) request.model[key] = value
    else request.fit[key] = value
  }
  return { ...request, places }
}

function fromFlags(flags: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const given: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(flags)) {
    const name = fullName(key)
    if (isPlace(name)) given[name] = value
    else if (isSetting(name)) {
      if (Object.hasOwn(given, name)) throw twice(name)
      given[name] = value === true ? true : valueFromText(name, String(value))
    }
  }
  return given
}

function readConfig(path: string): Record<string, unknown> {
  const known = [...PLACES, ...Object.keys(FIELDS), ...Object.keys(ALIASES)]
  const given: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(readObject(path))) {
    const name = fullName(key)
    if (!isPlace(name) && !isSetting(name)) {
      const guess = nearest(key, known)
      const advice = guess === undefined ? `known are ${known.join(', ')}` : `did you mean '${guess}'?`
      throw new ConfigError('CONFIG_UNKNOWN', `${path}: there is no setting '${key}'; ${advice}`, {
        file: path,
        key,
        nearest: guess,
      })
    }
    if (Object.hasOwn(given, name)) throw twice(name)
    given[name] = value
  }
  return given
}

/** The object in a `--config` file. */
export function readObject(path: string): object {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ConfigError(
      'CONFIG_FILE',
      `--config ${path}: expected a JSON file, got none that can be read (${reason})`,
      { file: path },
    )
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw new ConfigError('CONFIG_FILE', `--config ${path}: expected a JSON object of settings, got something else`, {
    file: path,
  })
}

function placeOf(key: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value
  throw new ConfigError('CONFIG_VALUE', `${flagOf(key)}: expected a text, got ${JSON.stringify(value)}`, { key })
}

/** Two flags that mean one setting. */
export function twice(name: string, command = 'train'): ConfigError {
  return new ConfigError(
    'CONFIG_TWICE',
    `${command}: ${flagOf(name)} is given twice, once by its short name; give one`,
    {
      key: name,
    },
  )
}

function isPlace(key: string): key is (typeof PLACES)[number] {
  return (PLACES as readonly string[]).includes(key)
}

function isSetting(key: string): key is FieldName {
  return Object.hasOwn(FIELDS, key)
}
