/**
 * One setting: its type, default, range, sentence and readers. Everything that speaks of settings (types, flags,
 * `--help`, saved JSON, README table) is derived from the table of these in `config.ts`.
 */
export const METHODS = [
  'bidora',
  'dora',
  'lora',
  'rslora',
  'adalora',
  'vera',
  'fourierft',
  'adapter',
  'full',
  'bitfit',
  'head',
] as const

/** How a model is tuned. */
export type Method = (typeof METHODS)[number]

/** Values of other settings, by their names. */
export type ReadWith = { readonly [setting: string]: readonly (string | boolean)[] }

export interface Field<T> {
  readonly kind: 'integer' | 'number' | 'choice' | 'boolean' | 'text' | 'list' | 'weights' | 'pattern'
  readonly doc: string
  /** The methods that read the setting; for any other method, giving it is an error. */
  readonly methods: readonly Method[]
  /** The default, where one default serves every method. */
  readonly default?: T | undefined
  /** Defaults of the methods that differ from `default`. */
  readonly defaults?: Partial<Record<Method, T>>
  /** Further readers' condition: the values of other settings with which this one is read; with others, giving it is an error. */
  readonly readWith?: ReadWith
  /** Defaults that go with a value of another setting, in the place of `default`. */
  readonly defaultWith?: { readonly [setting: string]: { readonly [value: string]: T } }
  /** What stands for the default in documents where it is worked out from something else. */
  readonly defaultText?: string
  readonly min?: number
  readonly max?: number
  /** Whether `min` itself is excluded. */
  readonly above?: boolean
  readonly values?: readonly string[]
  /** Names that a later version brings: refused by a sentence of their own. */
  readonly later?: readonly string[]
  /** Names that somebody may well give and that are not offered, with the reason. */
  readonly refused?: Readonly<Record<string, string>>
  /** What a refusal of any other value adds. */
  readonly note?: string
  readonly pattern?: RegExp
  readonly patternText?: string
  /** Whether the setting may change when a run is resumed, because the trained weights do not depend on it. */
  readonly free?: boolean
}

type Common<T> = Pick<Field<T>, 'doc' | 'defaults' | 'defaultText' | 'defaultWith' | 'readWith' | 'free'> & {
  methods?: readonly Method[]
}
type Ranged = Pick<Field<number>, 'min' | 'max' | 'above'>

const complete = <T>(kind: Field<T>['kind'], options: Common<T>, rest: Partial<Field<T>>): Field<T> => ({
  kind,
  methods: METHODS,
  ...rest,
  ...options,
})

/** A whole number; without `default` the setting may stay unset. */
export function integer(options: Common<number> & Ranged & { default: number }): Field<number>
export function integer(options: Common<number> & Ranged): Field<number | undefined>
export function integer(options: Common<number> & Ranged): Field<number | undefined> {
  return complete('integer', options, {})
}

export function number(options: Common<number> & Ranged & { default: number }): Field<number>
export function number(options: Common<number> & Ranged): Field<number | undefined>
export function number(options: Common<number> & Ranged): Field<number | undefined> {
  return complete('number', options, {})
}

type Choices<V extends string> = Common<V> & {
  values: readonly V[]
  later?: readonly string[]
  refused?: Readonly<Record<string, string>>
  note?: string
}
export function choice<const V extends string>(options: Choices<V> & { default: V }): Field<V>
export function choice<const V extends string>(options: Choices<V>): Field<V | undefined>
export function choice<const V extends string>(options: Choices<V>): Field<V | undefined> {
  return complete<V | undefined>('choice', options as Common<V | undefined>, { values: options.values })
}

export function boolean(options: Common<boolean> & { default: boolean }): Field<boolean> {
  return complete('boolean', options, {})
}

type Texts = Common<string> & { pattern?: RegExp; patternText?: string }
export function text(options: Texts & { default: string }): Field<string>
export function text(options: Texts): Field<string | undefined>
export function text(options: Texts): Field<string | undefined> {
  return complete('text', options, {})
}

export function list(options: Common<readonly string[]>): Field<readonly string[] | undefined> {
  return complete<readonly string[] | undefined>('list', options as Common<readonly string[] | undefined>, {})
}

/** Weights of classes: numbers in the order of the labels, or worked out from how often each class occurs. */
export type Weights = 'balanced' | readonly number[]

export function weights(options: Common<Weights>): Field<Weights | undefined> {
  return complete<Weights | undefined>('weights', options as Common<Weights | undefined>, {})
}

/** Numbers above 0 for ends of paths. */
export type Pattern = Readonly<Record<string, number>>

export function pattern(options: Common<Pattern>): Field<Pattern | undefined> {
  return complete<Pattern | undefined>('pattern', options as Common<Pattern | undefined>, {})
}

/** What a setting accepts, in words: `an integer of at least 1`, `'in' or 'out'`. */
export function allowed(field: Field<unknown>): string {
  if (field.kind === 'choice') return (field.values ?? []).map(value => `'${value}'`).join(' or ')
  if (field.kind === 'boolean') return 'true or false'
  if (field.kind === 'list') return 'a list of names, none empty'
  if (field.kind === 'weights') return "'balanced' or a list of numbers above 0"
  if (field.kind === 'pattern') return 'names, each with a number above 0 (name=number)'
  if (field.kind === 'text') return field.patternText ?? 'a text'
  const range: string[] = []
  if (field.min !== undefined) range.push(field.above ? `above ${field.min}` : `of at least ${field.min}`)
  if (field.max !== undefined) range.push(`at most ${field.max}`)
  return [field.kind === 'integer' ? 'an integer' : 'a number', range.join(' and ')].join(' ').trimEnd()
}

/** Whether a value is one that the setting accepts. */
export function accepts(field: Field<unknown>, value: unknown): boolean {
  switch (field.kind) {
    case 'boolean':
      return typeof value === 'boolean'
    case 'choice':
      return typeof value === 'string' && (field.values ?? []).includes(value)
    case 'text':
      return typeof value === 'string' && value !== '' && (field.pattern?.test(value) ?? true)
    case 'weights':
      return value === 'balanced' || (Array.isArray(value) && value.length > 0 && value.every(isWeight))
    case 'pattern':
      return isPattern(value)
    case 'list':
      return Array.isArray(value) && value.length > 0 && value.every(item => typeof item === 'string' && item !== '')
    default:
      if (typeof value !== 'number' || !Number.isFinite(value)) return false
      if (field.kind === 'integer' && !Number.isSafeInteger(value)) return false
      if (field.min !== undefined && (field.above ? value <= field.min : value < field.min)) return false
      return field.max === undefined || value <= field.max
  }
}

/** The default of a setting for a method, and for what the other settings are. */
export function defaultOf<T>(
  field: Field<T>,
  method: Method,
  others: Readonly<Record<string, unknown>> = {},
): T | undefined {
  const [special] = Object.entries(field.defaultWith ?? {}).flatMap(([name, values]) => {
    const value = values[String(others[name])]
    return value === undefined ? [] : [value]
  })
  return special ?? field.defaults?.[method] ?? field.default
}

/** The first setting whose value keeps a field from being read. */
export function unreadBecause(field: Field<unknown>, others: Readonly<Record<string, unknown>>): string | undefined {
  return Object.entries(field.readWith ?? {}).find(
    ([name, values]) => !values.some(value => value === others[name]),
  )?.[0]
}

/** With what a field is read and what its defaults are then, in words: `With hypergradient neumann or unrolled.` */
export function conditions({ readWith = {}, defaultWith = {} }: Field<unknown>): string {
  const named = Object.entries(readWith).filter(([, values]) => !values.includes(true)) // switches that are on say so themselves
  const read = named.map(([name, values]) => `${name} ${values.join(' or ')}`)
  const special = Object.entries(defaultWith).flatMap(([name, values]) =>
    Object.entries(values).map(([value, standard]) => ` Default with ${name} ${value}: ${String(standard)}.`),
  )
  return [read.length === 0 ? '' : ` Read with ${read.join(' and ')}.`, ...special].join('')
}

function isPattern(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const entries = Object.entries(value)
  return entries.length > 0 && entries.every(([name, number]) => name !== '' && isWeight(number))
}

function isWeight(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value > 0
}
