import { nearest } from '../data/nearest.ts'
import { ConfigError } from '../errors.ts'
import {
  ALIASES,
  FIELDS,
  type FieldName,
  fullName,
  type GivenFitSettings,
  type GivenModelSettings,
  MODEL_FIELDS,
  RIVALS,
  type Settings,
  SHARED_FIELDS,
} from '../train/config.ts'
import { defaultOf, type Field, METHODS, type Method, unreadBecause } from '../train/field.ts'
import { PRESETS, presetFor } from '../train/presets.ts'
import { fitSettings, modelSettings } from '../train/settings.ts'

/** Settings as they were given, by name: any setting of a model or a training. */
export type Given = Readonly<Record<string, unknown>>

/** A method or variant with its settings: what stands in one line of the table. */
export interface Contender {
  readonly name: string
  readonly method: Method
  /** What was given for it: settings for all that its method reads, and its own. */
  readonly settings: Given
}

/** What a data set says about the model. */
export interface Problem {
  readonly problemType: NonNullable<GivenModelSettings['problemType']>
  readonly labels: readonly string[] | undefined
}

/** What comparison itself decides, and what has to be the same for all. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  method: 'methods',
  seed: 'seeds',
  resume: 'nothing: a comparison always goes on from what is finished in its output folder',
}
const SAME_FOR_ALL: readonly string[] = ['output', 'threads', 'task', 'problemType', 'labels']

const plainName = /^[A-Za-z0-9][A-Za-z0-9._+-]*$/

/**
 * The contenders in order: those that `methods` names (methods, or names of variants), then the variants it does not name.
 *
 * @param shared Settings for all: each goes to the methods that read it.
 * @param others Further names that a mistyped one may have meant.
 * @throws ConfigError for an unknown method, a name that is taken or cannot be part of a file name, a setting that is
 *   wrong, or one that no contender reads.
 */
export function contendersOf(
  methods: readonly string[],
  variants: Readonly<Record<string, Given>>,
  shared: Given,
  others: readonly string[] = [],
): Contender[] {
  const common = spelledOut('compare', shared, ELSEWHERE, others)
  for (const name of methods) refuseUnknownMethod(name, Object.keys(variants))
  for (const given of [shared, ...Object.values(variants)]) refuseTask(given)
  const names = [...methods, ...Object.keys(variants).filter(name => !methods.includes(name))]
  refuseNames(names, variants)
  const contenders = names.map(name => {
    const given = variants[name]
    return given === undefined
      ? joined(name, name as Method, common, new Map())
      : joined(name, methodOf(name, given), common, spelledOut(`compare: variant '${name}'`, withoutMethod(given), {}))
  })
  for (const name of common.keys()) refuseUnread(name, contenders)
  for (const contender of contenders) resolveSettings(contender, { seed: 0 })
  return contenders
}

/** Data sets are read and scored as texts with labels. */
function refuseTask({ task }: Given): void {
  if (task === undefined || task === 'text-classification') return
  throw new ConfigError(
    'CONFIG_VALUE',
    `compare: task must be 'text-classification', got '${String(task)}'; others are not compared yet`,
    {
      key: 'task',
      allowed: ['text-classification'],
    },
  )
}

/**
 * All settings of a run, checked, with defaults filled in, and those that were given split by the call that takes them.
 *
 * @throws ConfigError that names the contender.
 */
export function resolveSettings(
  { name, method, settings }: Contender,
  run: { seed: number; problem?: Problem | undefined },
): { settings: Settings; model: GivenModelSettings; fit: GivenFitSettings } {
  const { seed, problem } = run
  const model: Record<string, unknown> = { method, seed }
  const fit: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(settings)) {
    const ofModel = Object.hasOwn(MODEL_FIELDS, key) || Object.hasOwn(SHARED_FIELDS, key)
    ;(ofModel ? model : fit)[key] = value
  }
  if (problem) Object.assign(model, { problemType: problem.problemType, labels: problem.labels })
  try {
    return { settings: fitSettings(modelSettings(model), fit), model, fit }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const sentence = error.message.replace(/^(fromPretrained|fit): /, '')
    throw new ConfigError(error.code, `compare: ${name}: ${sentence}`, { ...error.details, contender: name })
  }
}

/** The settings under their full names; `elsewhere` says where some are given instead. */
function spelledOut(
  where: string,
  given: Given,
  elsewhere: Readonly<Record<string, string>>,
  others: readonly string[] = [],
): Map<string, unknown> {
  const result = new Map<string, unknown>()
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined) continue
    const name = fullName(key)
    const instead = elsewhere[name]
    if (instead !== undefined)
      throw new ConfigError('CONFIG_STAGE', `${where}: '${key}' is not set here; give ${instead}`, { key })
    if (!Object.hasOwn(FIELDS, name)) {
      const guess = nearest(key, [...Object.keys(FIELDS), ...Object.keys(ALIASES), ...others])
      const advice = guess === undefined ? 'the settings of train are known' : `did you mean '${guess}'?`
      throw new ConfigError('CONFIG_UNKNOWN', `${where}: there is no setting '${key}'; ${advice}`, {
        key,
        nearest: guess,
      })
    }
    if (result.has(name))
      throw new ConfigError('CONFIG_TWICE', `${where}: '${key}' is short for '${name}' and both are given; give one`, {
        key,
      })
    result.set(name, value)
  }
  return result
}

function joined(
  name: string,
  method: Method,
  common: ReadonlyMap<string, unknown>,
  own: ReadonlyMap<string, unknown>,
): Contender {
  const wrong = [...own.keys()].find(key => SAME_FOR_ALL.includes(key) || Object.hasOwn(ELSEWHERE, key))
  if (wrong !== undefined)
    throw new ConfigError(
      'CONFIG_STAGE',
      `compare: variant '${name}': '${wrong}' is the same for all; give it outside`,
      {
        key: wrong,
      },
    )
  // One given for a variant takes the place of its rival given for all.
  const taken = [...common].filter(([key]) => !own.has(key) && !own.has(RIVALS[key] ?? key))
  const asGiven = Object.fromEntries([...taken, ...own])
  const settings = { ...usual(method, asGiven), ...asGiven }
  const read = taken.filter(([key]) => isRead(key as FieldName, method, settings))
  return { name, method, settings: Object.fromEntries([...read, ...own]) }
}

/** What is not given: a preset's settings, and the defaults. */
function usual(method: Method, given: Given): Given {
  const preset = PRESETS[given.preset as keyof typeof PRESETS]
  const named = Object.entries(preset ? presetFor(preset, method) : {})
  const read = named.filter(([name]) => (FIELDS[name as FieldName] as Field<unknown>).methods.includes(method))
  const settings: Record<string, unknown> = Object.fromEntries(read)
  for (const [name, field] of Object.entries(FIELDS))
    settings[name] ??= defaultOf(field as Field<unknown>, method, { ...settings, ...given })
  return settings
}

/** Whether a method reads a setting, the others being as they are. */
export function isRead(name: FieldName, method: Method, settings: Given): boolean {
  const field = FIELDS[name] as Field<unknown>
  return field.methods.includes(method) && unreadBecause(field, settings) === undefined
}

function refuseUnread(name: string, contenders: readonly Contender[]): void {
  if (contenders.some(({ settings }) => Object.hasOwn(settings, name))) return
  const { methods } = FIELDS[name as FieldName]
  throw new ConfigError(
    'CONFIG_METHOD',
    `compare: '${name}' is read by none of ${contenders.map(each => each.name).join(', ')} as they are set; remove it, or add a ${methods.join(' or ')} that reads it`,
    { key: name, methods },
  )
}

function methodOf(name: string, given: Given): Method {
  const method = given.method ?? FIELDS.method.default
  if ((METHODS as readonly unknown[]).includes(method)) return method as Method
  throw new ConfigError(
    'CONFIG_VALUE',
    `compare: variant '${name}': method must be ${METHODS.map(each => `'${each}'`).join(' or ')}, got ${JSON.stringify(method)}`,
    { key: 'method', value: method, allowed: METHODS },
  )
}

function withoutMethod({ method: _, ...rest }: Given): Given {
  return rest
}

function refuseUnknownMethod(name: string, variants: readonly string[]): void {
  const known = [...METHODS, ...variants]
  if (known.includes(name)) return
  const guess = nearest(name, known)
  throw new ConfigError(
    'CONFIG_VALUE',
    `compare: expected methods of ${known.join(', ')}, got '${name}', which is none${guess === undefined ? '' : `; did you mean '${guess}'?`}`,
    { key: 'methods', value: name, allowed: known },
  )
}

function refuseNames(names: readonly string[], variants: Readonly<Record<string, Given>>): void {
  if (names.length === 0)
    throw new ConfigError('CONFIG_METHODS', 'compare: expected methods to compare, got none; give some', {
      key: 'methods',
    })
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined)
    throw new ConfigError('CONFIG_METHODS', `compare: expected different methods, got '${twice}' twice; give it once`, {
      key: 'methods',
    })
  for (const name of Object.keys(variants)) {
    if (plainName.test(name) && !(METHODS as readonly string[]).includes(name)) continue
    throw new ConfigError(
      'CONFIG_VARIANT',
      `compare: expected variants under names of their own (letters, digits, . _ + -), got '${name}'; take another name`,
      { key: 'variants', name },
    )
  }
}
