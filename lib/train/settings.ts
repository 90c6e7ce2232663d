import { nearest } from '../data/nearest.ts'
import { ConfigError } from '../errors.ts'
import {
  ALIASES,
  DERIVED,
  FIELDS,
  FIT_FIELDS,
  type FieldName,
  type GivenFitSettings,
  type GivenModelSettings,
  MODEL_FIELDS,
  type ModelSettings,
  type Settings,
  SHARED_FIELDS,
} from './config.ts'
import { refuseControls } from './controls.ts'
import { PRESETS, type Preset, presetFor } from './presets.ts'
import { refuseRounds } from './refuse-rounds.ts'
import { accepts, allowed, conditions, defaultOf, type Field, type Method, unreadBecause } from './field.ts'

const field = (name: FieldName): Field<unknown> => FIELDS[name] as Field<unknown>
const isField = (name: string): name is FieldName => Object.hasOwn(FIELDS, name)
const isAlias = (name: string): name is keyof typeof ALIASES => Object.hasOwn(ALIASES, name)

/** How a setting is called on the command line: `loraAlpha` is `--lora-alpha`. */
export function flagOf(name: string): string {
  return '--' + name.replace(/[A-Z]/g, letter => '-' + letter.toLowerCase())
}

/** The value that a command line text means for a setting; a text that means none is returned as it is. */
export function valueFromText(name: FieldName, value: string): unknown {
  const { kind } = field(name)
  if (kind === 'integer' || kind === 'number')
    return value.trim() === '' || Number.isNaN(Number(value)) ? value : Number(value)
  if (kind === 'boolean') return value === 'true' ? true : value === 'false' ? false : value
  if (kind === 'list') return value.split(',').map(item => item.trim())
  if (kind === 'weights') {
    const numbers = value.split(',').map(item => (item.trim() === '' ? Number.NaN : Number(item)))
    return numbers.some(Number.isNaN) ? value : numbers
  }
  return kind === 'pattern' ? patternFromText(value) : value
}

/** `h.0.attn.c_attn=4,c_fc=2`; a text that is none is returned as it is. */
function patternFromText(text: string): unknown {
  const entries = text.split(',').map(item => {
    const place = item.lastIndexOf('=')
    return [item.slice(0, Math.max(0, place)).trim(), Number(item.slice(place + 1))] as const
  })
  return entries.some(([name, number]) => name === '' || Number.isNaN(number)) ? text : Object.fromEntries(entries)
}

/** One line of `--help` or of the README's table for each setting. */
export function describeSettings(): {
  name: FieldName
  flag: string
  allowed: string
  default: string
  doc: string
  methods: readonly Method[]
}[] {
  return (Object.keys(FIELDS) as FieldName[]).map(name => {
    const { defaults, defaultText, doc, methods, default: common } = field(name)
    const differing = Object.entries(defaults ?? {}).map(([method, value]) => `${method} ${value}`)
    const shown = [common === undefined ? (defaultText ?? 'none') : String(common), ...differing].join(', ')
    return {
      name,
      flag: flagOf(name),
      allowed: allowed(field(name)),
      default: shown,
      doc: doc + conditions(field(name)),
      methods,
    }
  })
}

function checkValue(where: string, name: FieldName, value: unknown): void {
  const { later } = field(name)
  if (typeof value === 'string' && later?.includes(value)) {
    throw new ConfigError(
      'CONFIG_LATER',
      `${where}: ${name} '${value}' comes in a later version; take ${allowed(field(name))}`,
      {
        key: name,
        value,
        allowed: field(name).values,
      },
    )
  }
  const reason = typeof value === 'string' ? field(name).refused?.[value] : undefined
  if (reason !== undefined) {
    throw new ConfigError(
      'CONFIG_VALUE',
      `${where}: ${name} '${value}' is not offered: ${reason}; take ${allowed(field(name))}`,
      { key: name, value, allowed: field(name).values },
    )
  }
  if (accepts(field(name), value)) return
  const guess = typeof value === 'string' && field(name).values ? nearest(value, field(name).values ?? []) : undefined
  const { note } = field(name)
  const hints = [...(note === undefined ? [] : [note]), ...(guess === undefined ? [] : [`did you mean '${guess}'?`])]
  throw new ConfigError(
    'CONFIG_VALUE',
    `${where}: ${name} must be ${allowed(field(name))}, got ${[show(value), ...hints].join('; ')}`,
    {
      key: name,
      value,
      allowed: allowed(field(name)),
    },
  )
}

function show(value: unknown): string {
  const text =
    typeof value === 'string' ? `'${value}'` : typeof value === 'object' ? JSON.stringify(value) : String(value)
  return text.length > 80 ? text.slice(0, 77) + '...' : text
}

/** Checks names and values of what was given to one call and spells aliases out. */
function given(
  where: string,
  own: object,
  other: string,
  extra: readonly string[],
  options: object,
): Map<FieldName, unknown> {
  const result = new Map<FieldName, unknown>()
  for (const [key, value] of Object.entries(options)) {
    if (value === undefined || extra.includes(key)) continue
    const name = isAlias(key) ? ALIASES[key] : key
    if (!isField(name)) {
      const known = [...Object.keys(own), ...(own === FIT_KEYS ? Object.keys(ALIASES) : []), ...extra]
      const guess = nearest(key, known)
      throw new ConfigError(
        'CONFIG_UNKNOWN',
        `${where}: there is no setting '${key}'; ${guess ? `did you mean '${guess}'?` : `known are ${known.join(', ')}`}`,
        {
          key,
          nearest: guess,
        },
      )
    }
    if (!Object.hasOwn(own, name)) {
      throw new ConfigError('CONFIG_STAGE', `${where}: '${key}' is not set here; give it to ${other}`, { key })
    }
    if (result.has(name)) {
      throw new ConfigError('CONFIG_TWICE', `${where}: '${key}' is short for '${name}' and both are given; give one`, {
        key,
      })
    }
    checkValue(where, name, value)
    result.set(name, value)
  }
  return result
}

function refuseInapplicable(where: string, values: Map<FieldName, unknown>, method: Method): void {
  for (const name of values.keys()) {
    const { methods } = field(name)
    if (methods.includes(method)) continue
    throw new ConfigError(
      'CONFIG_METHOD',
      `${where}: method '${method}' does not read '${name}'; remove it or take method ${methods.map(m => `'${m}'`).join(' or ')}`,
      {
        key: name,
        method,
        methods,
      },
    )
  }
}

/** Refuses what is given but, with the other settings as they are, not read. */
function refuseUnread(
  where: string,
  values: Map<FieldName, unknown>,
  settings: Readonly<Record<string, unknown>>,
): void {
  for (const name of values.keys()) {
    const other = unreadBecause(field(name), settings)
    if (other === undefined) continue
    const readers = field(name).readWith![other]!
    throw new ConfigError(
      'CONFIG_METHOD',
      `${where}: ${other} ${show(settings[other])} does not read '${name}'; remove it or take ${readers.map(show).join(' or ')}`,
      { key: name, [other]: settings[other], allowed: readers },
    )
  }
}

function presetOf(name: unknown): Preset | undefined {
  return name === undefined ? undefined : PRESETS[name as keyof typeof PRESETS]
}

/**
 * Settings in order of weight: given, then the preset's (those that are read), then the defaults, which may go by what is
 * `known` beside them.
 */
function fill(
  names: object,
  values: Map<FieldName, unknown>,
  method: Method,
  lists: Map<FieldName, unknown>,
  known: object = {},
): Record<string, unknown> {
  const preset = presetOf(values.get('preset') ?? lists.get('preset'))
  const named = (preset ? presetFor(preset, method) : {}) as Readonly<Record<string, unknown>>
  const result: Record<string, unknown> = {}
  for (const name of Object.keys(names) as FieldName[]) {
    const others = { ...named, ...result }
    const own = { ...others, ...named }
    // For the preset's own settings; or for others, where with its own the value would not be read.
    const isMeant =
      unreadBecause(field(name), own) !== undefined ||
      Object.keys(field(name).readWith ?? {}).every(other => own[other] === others[other])
    const isRead = isMeant && field(name).methods.includes(method) && unreadBecause(field(name), others) === undefined
    result[name] =
      values.get(name) ??
      lists.get(name) ??
      (isRead ? named[name] : undefined) ??
      defaultOf(field(name), method, { ...known, ...result })
  }
  return result
}

/** Settings of a model, and which of them were given rather than filled in. */
export interface ChosenSettings {
  readonly settings: ModelSettings
  readonly given: ReadonlyMap<FieldName, unknown>
}

const MODEL_KEYS = { ...MODEL_FIELDS, ...SHARED_FIELDS }
const FIT_KEYS = { ...FIT_FIELDS, ...SHARED_FIELDS }

/**
 * Checks the settings of a model and fills in defaults.
 *
 * @throws ConfigError for an unknown name (with the nearest known one), a value that is not allowed, or a setting that
 *   the method does not read.
 */
export function modelSettings(options: GivenModelSettings): ChosenSettings {
  const where = 'fromPretrained'
  const values = given(where, MODEL_KEYS, 'fit', [], options)
  const method = (values.get('method') ?? FIELDS.method.default) as Method
  refuseInapplicable(where, values, method)
  const settings = fill(MODEL_KEYS, values, method, new Map()) as unknown as ModelSettings
  refuseUnread(where, values, settings)
  if (settings.problemType === 'regression' && settings.labels !== undefined) {
    throw new ConfigError('CONFIG_METHOD', `${where}: problemType 'regression' has no labels; remove 'labels'`, {
      key: 'labels',
    })
  }
  if (settings.labels && new Set(settings.labels).size !== settings.labels.length) {
    throw new ConfigError(
      'CONFIG_VALUE',
      `${where}: labels must differ from each other, got ${show(settings.labels)}`,
      { key: 'labels' },
    )
  }
  if (settings.labels && settings.problemType === 'single-label' && settings.labels.length < 2) {
    throw new ConfigError('CONFIG_VALUE', `${where}: labels must be two or more, got ${show(settings.labels)}`, {
      key: 'labels',
    })
  }
  if (method === 'adalora' && settings.initialRank < settings.rank) {
    throw new ConfigError(
      'CONFIG_TOGETHER',
      `${where}: initialRank must be at least rank (${settings.rank}), which ranks are taken away down to, got ${settings.initialRank}`,
      { key: 'initialRank' },
    )
  }
  return { settings, given: values }
}

/**
 * Checks the settings of one training, fills in defaults, and joins them with the model's.
 *
 * @param extra names of options of the same call that are no settings (`validation`, `onProgress`, ...)
 * @throws ConfigError as `modelSettings`, and for two settings that exclude each other.
 */
export function fitSettings(
  model: ChosenSettings,
  options: GivenFitSettings & { epochs?: number | undefined; learningRate?: number | undefined },
  extra: readonly string[] = [],
): Settings {
  const where = 'fit'
  const { method } = model.settings
  const values = given(where, FIT_KEYS, 'fromPretrained', extra, options)
  refuseInapplicable(where, values, method)
  for (const [steps, epochs] of [
    ['searchSteps', 'searchEpochs'],
    ['retrainSteps', 'retrainEpochs'],
  ] as const) {
    if (values.has(steps) && values.has(epochs)) {
      throw new ConfigError('CONFIG_TWICE', `${where}: '${steps}' and '${epochs}' both say how long; give one`, {
        key: steps,
      })
    }
  }
  const shared = new Map([...model.given].filter(([name]) => Object.hasOwn(SHARED_FIELDS, name)))
  const settings = { ...model.settings, ...fill(FIT_KEYS, values, method, shared, model.settings) } as unknown as {
    -readonly [K in keyof Settings]: Settings[K]
  }
  // A length given in epochs beats a preset's length in steps.
  if (values.has('searchEpochs')) settings.searchSteps = undefined
  if (values.has('retrainEpochs')) settings.retrainSteps = undefined
  const open = settings as Record<string, unknown>
  for (const [name, from] of Object.entries(DERIVED)) {
    open[name] ??= typeof from === 'function' ? from(settings) : open[from]
  }
  refuseUnread(where, values, settings)
  refuseTogether(where, values, settings)
  refusePresetWithoutRetraining(where, values, settings)
  refuseRounds(where, settings)
  refuseControls(where, values, settings)
  if (settings.resume && settings.output === undefined) {
    throw new ConfigError('CONFIG_VALUE', `${where}: resume needs the 'output' folder of the run to go on from`, {
      key: 'resume',
    })
  }
  return settings
}

/** Refuses settings that each are read and together mean nothing. */
function refuseTogether(where: string, values: Map<FieldName, unknown>, settings: Settings): void {
  const refuse = (key: FieldName, sentence: string): never => {
    throw new ConfigError('CONFIG_TOGETHER', `${where}: ${sentence}`, { key })
  }
  const { search, retrain, folds, directionsFrom, headFrom } = settings
  if (settings.compat === 'official') refuseBesideOfficial(refuse, settings)
  if (!search && !retrain) refuse('retrain', 'without search and retrain nothing would be trained; give one of them')
  if (folds === 1) return
  if (values.has('lowerFraction'))
    refuse('lowerFraction', `with ${folds} folds the upper part is one of ${folds}; remove lowerFraction or folds`)
  if (!retrain) refuse('retrain', `${folds} folds have no directions in common; take retrain true or folds 1`)
  for (const [key, from] of Object.entries({ directionsFrom, headFrom }))
    if (from === 'searched')
      refuse(key as FieldName, `${folds} folds have no directions in common; take ${key} 'start' or folds 1`)
}

/** Refuses to mix a preset of a search alone with defaults for the training on all examples. */
function refusePresetWithoutRetraining(where: string, values: Map<FieldName, unknown>, settings: Settings): void {
  const { preset, retrain } = settings
  const named = presetOf(preset)
  if (named?.retrain !== false || named.retrainSteps !== undefined || !retrain) return
  if ((values.has('retrainSteps') || values.has('retrainEpochs')) && values.has('retrainLearningRate')) return
  throw new ConfigError(
    'CONFIG_PRESET',
    `${where}: preset '${preset}' has a search alone and says nothing of a training on all examples, which its script does not make; ` +
      "give retrainSteps or retrainEpochs, and retrainLearningRate (what the paper's other methods ran with is not published)",
    { key: 'preset', preset },
  )
}

/** What the authors' code has no other way of doing. */
function refuseBesideOfficial(refuse: (key: FieldName, sentence: string) => never, settings: Settings): void {
  const only = {
    hypergradient: 'finite-difference',
    round: 'faithful',
    folds: 1,
    lengthWindow: 1,
    repeats: 1,
    rollBack: false,
  } as const
  for (const [key, value] of Object.entries(only) as [keyof typeof only, unknown][]) {
    if (settings[key] !== value)
      refuse(key, `compat 'official' has ${key} ${show(value)} alone, got ${show(settings[key])}; remove one of both`)
  }
}
