import { nearest } from '../data/nearest.ts'
import { ConfigError } from '../errors.ts'
import {
  ALIASES,
  FIELDS,
  FIT_FIELDS,
  type FieldName,
  type GivenFitSettings,
  type GivenModelSettings,
  MODEL_FIELDS,
  type ModelSettings,
  PRESETS,
  type Settings,
  SHARED_FIELDS,
} from './config.ts'
import { accepts, allowed, defaultOf, type Field, type Method } from './field.ts'

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
  return value
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
    return { name, flag: flagOf(name), allowed: allowed(field(name)), default: shown, doc, methods }
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
  if (accepts(field(name), value)) return
  const guess = typeof value === 'string' && field(name).values ? nearest(value, field(name).values ?? []) : undefined
  const hint = guess === undefined ? '' : `; did you mean '${guess}'?`
  throw new ConfigError(
    'CONFIG_VALUE',
    `${where}: ${name} must be ${allowed(field(name))}, got ${show(value)}${hint}`,
    {
      key: name,
      value,
      allowed: allowed(field(name)),
    },
  )
}

function show(value: unknown): string {
  const text = typeof value === 'string' ? `'${value}'` : Array.isArray(value) ? JSON.stringify(value) : String(value)
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

/** Settings in order of weight: given, then the preset's (those the method reads), then the defaults. */
function fill(
  names: object,
  values: Map<FieldName, unknown>,
  method: Method,
  lists: Map<FieldName, unknown>,
): Record<string, unknown> {
  const preset = values.get('preset') ?? lists.get('preset')
  const named: Readonly<Record<string, unknown>> =
    preset === undefined ? {} : (PRESETS[preset as keyof typeof PRESETS] as Record<string, unknown>)
  const result: Record<string, unknown> = {}
  for (const name of Object.keys(names) as FieldName[]) {
    const fromPreset = field(name).methods.includes(method) ? named[name] : undefined
    result[name] = values.get(name) ?? lists.get(name) ?? fromPreset ?? defaultOf(field(name), method)
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
  const settings = { ...model.settings, ...fill(FIT_KEYS, values, method, shared) } as unknown as {
    -readonly [K in keyof Settings]: Settings[K]
  }
  // A length given in epochs beats a preset's length in steps.
  if (values.has('searchEpochs')) settings.searchSteps = undefined
  if (values.has('retrainEpochs')) settings.retrainSteps = undefined
  settings.lowerLearningRate ??= settings.retrainLearningRate
  if (values.has('radius') && settings.hypergradient !== 'finite-difference') {
    throw new ConfigError(
      'CONFIG_METHOD',
      `${where}: hypergradient '${settings.hypergradient}' does not read 'radius'; remove it or take 'finite-difference'`,
      { key: 'radius' },
    )
  }
  if (settings.resume && settings.output === undefined) {
    throw new ConfigError('CONFIG_VALUE', `${where}: resume needs the 'output' folder of the run to go on from`, {
      key: 'resume',
    })
  }
  return settings
}
