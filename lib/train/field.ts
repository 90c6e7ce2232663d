/**
 * One setting: its type, default, range, sentence and readers. Everything that speaks of settings (types, flags,
 * `--help`, saved JSON, README table) is derived from the table of these in `config.ts`.
 */
export const METHODS = ['bidora', 'dora', 'lora', 'full', 'bitfit', 'head'] as const

/** How a model is tuned. */
export type Method = (typeof METHODS)[number]

export interface Field<T> {
  readonly kind: 'integer' | 'number' | 'choice' | 'boolean' | 'text' | 'list'
  readonly doc: string
  /** The methods that read the setting; for any other method, giving it is an error. */
  readonly methods: readonly Method[]
  /** The default, where one default serves every method. */
  readonly default?: T | undefined
  /** Defaults of the methods that differ from `default`. */
  readonly defaults?: Partial<Record<Method, T>>
  /** What stands for the default in documents where it is worked out from something else. */
  readonly defaultText?: string
  readonly min?: number
  readonly max?: number
  /** Whether `min` itself is excluded. */
  readonly above?: boolean
  readonly values?: readonly string[]
  /** Names that a later version brings: refused by a sentence of their own. */
  readonly later?: readonly string[]
  readonly pattern?: RegExp
  readonly patternText?: string
  /** Whether the setting may change when a run is resumed, because the trained weights do not depend on it. */
  readonly free?: boolean
}

type Common<T> = Pick<Field<T>, 'doc' | 'defaults' | 'defaultText' | 'free'> & {
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

type Choices<V extends string> = Common<V> & { values: readonly V[]; later?: readonly string[] }
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

/** What a setting accepts, in words: `an integer of at least 1`, `'in' or 'out'`. */
export function allowed(field: Field<unknown>): string {
  if (field.kind === 'choice') return (field.values ?? []).map(value => `'${value}'`).join(' or ')
  if (field.kind === 'boolean') return 'true or false'
  if (field.kind === 'list') return 'a list of names, none empty'
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
    case 'list':
      return Array.isArray(value) && value.length > 0 && value.every(item => typeof item === 'string' && item !== '')
    default:
      if (typeof value !== 'number' || !Number.isFinite(value)) return false
      if (field.kind === 'integer' && !Number.isSafeInteger(value)) return false
      if (field.min !== undefined && (field.above ? value <= field.min : value < field.min)) return false
      return field.max === undefined || value <= field.max
  }
}

/** The default of a setting for a method. */
export function defaultOf<T>(field: Field<T>, method: Method): T | undefined {
  return field.defaults?.[method] ?? field.default
}
