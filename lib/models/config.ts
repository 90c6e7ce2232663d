import { ConfigError } from '../errors.ts'
import { isJsonObject, type JsonObject, toDiskName } from '../io/index.ts'
import { activationNames } from '../nn/index.ts'

/** What the outputs of a classifier mean. */
export type ProblemType = 'single-label' | 'regression' | 'multi-label'

/** What the configuration of every model says, as read from `config.json` (whose names are in snake_case). */
export interface ModelConfig {
  readonly modelType: string
  readonly initializerRange: number
  /** Names of a classifier's outputs in order, one for a regression. */
  readonly labels: readonly string[]
  readonly problemType: ProblemType
}

/** Sizes and switches of an encoder with its head. */
export interface EncoderConfig extends ModelConfig {
  readonly vocabSize: number
  readonly hiddenSize: number
  readonly numHiddenLayers: number
  readonly numAttentionHeads: number
  readonly intermediateSize: number
  readonly hiddenAct: string
  readonly hiddenDropoutProb: number
  readonly attentionProbsDropoutProb: number
  readonly classifierDropout: number | undefined
  readonly maxPositionEmbeddings: number
  readonly typeVocabSize: number
  readonly layerNormEps: number
  readonly padTokenId: number | undefined
}

/** What a field must be, in words and as a test. */
export type Check = readonly [expected: string, passes: (value: unknown) => boolean]

/** A whole number from 1. */
export const size: Check = ['a whole number from 1', value => Number.isSafeInteger(value) && (value as number) >= 1]
/** An id of the vocabulary, or none. */
export const token: Check = [
  'a whole number from 0 or null',
  value => value === null || (Number.isSafeInteger(value) && (value as number) >= 0),
]
/** A probability of dropout. */
export const probability: Check = [
  'a number from 0 to 1',
  value => typeof value === 'number' && value >= 0 && value <= 1,
]
/** A probability, or none. */
export const optionalProbability: Check = [
  'a number from 0 to 1 or null',
  value => value === null || probability[1](value),
]
/** A number above 0. */
export const positive: Check = ['a number above 0', value => typeof value === 'number' && value > 0 && value < Infinity]
/** The name of an activation. */
export const knownActivation: Check = [
  `one of ${activationNames.join(', ')}`,
  value => activationNames.includes(value as string),
]

/** A switch. */
export const flag: Check = ['true or false', value => typeof value === 'boolean']

/** Fields that are read, by their name here; what a file leaves out has the default of its model type. */
const fields = {
  vocabSize: size,
  hiddenSize: size,
  numHiddenLayers: size,
  numAttentionHeads: size,
  intermediateSize: size,
  hiddenAct: knownActivation,
  hiddenDropoutProb: probability,
  attentionProbsDropoutProb: probability,
  classifierDropout: optionalProbability,
  maxPositionEmbeddings: size,
  typeVocabSize: size,
  initializerRange: positive,
  layerNormEps: positive,
  padTokenId: token,
} satisfies Record<string, Check>

/** Default of every field, as transformers has it for the model type. */
export type ConfigDefaults = Readonly<Record<keyof typeof fields, number | string | null>>

/** A switch that changes the arithmetic and is not implemented: key on disk, allowed values, what the other values mean. */
export type Switch = readonly [key: string, allowed: (value: unknown) => boolean, meaning: string]

/** A field that one family has, with what transformers assumes where a file leaves it out. */
export interface OwnField {
  readonly check: Check
  readonly default: unknown
}

/** In what a family's configuration differs from the common one. */
export interface FamilyFields {
  /** Names on disk that follow no rule; null: the family has no such field, it always is its default. */
  readonly names?: Partial<Readonly<Record<keyof typeof fields, string | null>>>
  /** Fields that are its own, or that may have other values than the common ones; a switch among them is not refused. */
  readonly own?: Readonly<Record<string, OwnField>>
}

/** The name on disk of a field; null where the family has none. */
export function nameOnDisk(key: string, names: FamilyFields['names'] = {}): string | null {
  const own = (names as Readonly<Record<string, string | null | undefined>>)[key]
  return own === undefined ? toDiskName(key) : own
}

/** The names on disk of the fields that hold real numbers. */
export function realNames({
  names = {},
  own = {},
  fields: common = fields,
}: FamilyFields & Partial<Pick<ConfigForm, 'fields'>>): string[] {
  const checks = { ...common, ...Object.fromEntries(Object.entries(own).map(([key, { check }]) => [key, check])) }
  const isReal = (check: Check) => check[1](0.5)
  return Object.entries(checks).flatMap(([key, check]) => (isReal(check) ? (nameOnDisk(key, names) ?? []) : []))
}

const switches: readonly Switch[] = [
  ['position_embedding_type', value => value === 'absolute', 'relative positions'],
  ['is_decoder', value => value === false, 'a decoder'],
  ['add_cross_attention', value => value === false, 'cross-attention'],
  ['is_encoder_decoder', value => value === false, 'an encoder-decoder'],
  ['pruned_heads', value => isJsonObject(value) && Object.keys(value).length === 0, 'pruned heads'],
  ['quantization_config', () => false, 'quantized weights'],
  ['embedding_size', () => false, 'factored embeddings'],
]

const problemTypes: readonly (readonly [onDisk: string, ProblemType])[] = [
  ['single_label_classification', 'single-label'],
  ['regression', 'regression'],
  ['multi_label_classification', 'multi-label'],
]

/** The Hugging Face word for a problem type. */
export function problemTypeOnDisk(problemType: ProblemType): string {
  return problemTypes.find(([, here]) => here === problemType)![0]
}

/**
 * Reads the configuration of an encoder and refuses what this library does not compute; `where` names the file.
 *
 * @throws ConfigError that lists every wrong field together.
 */
export function readEncoderConfig(
  json: JsonObject,
  defaults: ConfigDefaults,
  where: string,
  { names = {}, own = {} }: FamilyFields = {},
): EncoderConfig {
  const ofOwn = (key: keyof OwnField) => Object.fromEntries(Object.entries(own).map(([name, one]) => [name, one[key]]))
  const ownOnDisk = Object.keys(own).map(toDiskName)
  const form = {
    fields: { ...fields, ...ofOwn('check') } as Readonly<Record<string, Check>>,
    defaults: { ...defaults, ...ofOwn('default') },
    switches: switches.filter(([key]) => !ownOnDisk.includes(key)),
    names,
    where,
  }
  return readConfig(json, form, (values, problems) => {
    const { hiddenSize, numAttentionHeads, padTokenId, vocabSize } = values as Record<string, number>
    if (hiddenSize! % numAttentionHeads! !== 0) {
      const [width, heads] = [nameOnDisk('hiddenSize', names), nameOnDisk('numAttentionHeads', names)]
      problems.push(`${width}: expected a multiple of ${heads} ${numAttentionHeads}, got ${hiddenSize}`)
    }
    if (padTokenId !== undefined && padTokenId >= vocabSize!) {
      problems.push(`pad_token_id: expected a token below vocab_size ${vocabSize}, got ${padTokenId}`)
    }
  })
}

/** What a model type's config.json holds; `where` names the file. */
export interface ConfigForm {
  readonly fields: Readonly<Record<string, Check>>
  readonly defaults: Readonly<Record<string, unknown>>
  readonly switches: readonly Switch[]
  /** Names on disk that follow no rule; null: there is no such field, it always is its default. */
  readonly names?: FamilyFields['names']
  readonly where: string
}

/**
 * Reads the fields of a form, and the labels that every model has; `check` adds what is wrong between fields.
 *
 * @throws ConfigError that lists every wrong field together.
 */
export function readConfig<Config extends ModelConfig>(
  json: JsonObject,
  { fields, defaults, switches, names, where }: ConfigForm,
  check: (values: Record<string, unknown>, problems: string[]) => void,
): Config {
  const problems: string[] = []
  for (const [key, allowed, meaning] of switches) {
    const value = json[key]
    if (value === undefined || value === null || allowed(value)) continue
    problems.push(`${key} ${JSON.stringify(value)} (${meaning}) is not supported`)
  }
  const values: Record<string, unknown> = {}
  for (const [key, [expected, passes]] of Object.entries(fields)) {
    const onDisk = nameOnDisk(key, names)
    const value = onDisk === null || json[onDisk] === undefined ? defaults[key] : json[onDisk]
    if (onDisk !== null && !passes(value))
      problems.push(`${onDisk}: expected ${expected}, got ${JSON.stringify(value)}`)
    values[key] = value ?? undefined
  }
  check(values, problems)
  const labels = readLabels(json, problems)
  const problemType = readProblemType(json.problem_type, labels.length, problems)
  if (problems.length > 0) {
    throw new ConfigError('MODEL_CONFIG', `${where}: ${problems.join('; ')}; use another model or correct the file`, {
      file: where,
      problems,
    })
  }
  return { ...values, modelType: String(json.model_type), labels, problemType } as unknown as Config
}

/** `id2label` in order; what it leaves out has the names that transformers gives. */
function readLabels(json: JsonObject, problems: string[]): string[] {
  const named = json.id2label ?? undefined
  if (named === undefined) {
    const count = json.num_labels ?? 2
    if (size[1](count)) return defaultLabels(count as number)
    problems.push(`num_labels: expected ${size[0]}, got ${JSON.stringify(count)}`)
    return []
  }
  const entries = isJsonObject(named) ? Object.entries(named) : []
  const labels: string[] = []
  for (const [index, label] of entries) if (typeof label === 'string') labels[Number(index)] = label
  const isWhole = labels.length === entries.length && labels.length > 0 && Object.keys(labels).length === labels.length
  if (!isWhole) {
    problems.push(`id2label: expected names for 0, 1, 2 and so on, got ${JSON.stringify(named)}`)
  } else if (new Set(labels).size < labels.length) {
    problems.push(`id2label: expected different names, got ${labels.join(', ')}`)
  }
  return labels
}

/** The names that transformers gives to outputs without one. */
export function defaultLabels(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `LABEL_${index}`)
}

function readProblemType(value: unknown, outputs: number, problems: string[]): ProblemType {
  // transformers' rule where the file says nothing; several labels at once cannot be told from one there.
  if (value === undefined || value === null) return outputs === 1 ? 'regression' : 'single-label'
  const found = problemTypes.find(([onDisk]) => onDisk === value)
  if (!found) {
    const allowed = problemTypes.map(([onDisk]) => onDisk).join(', ')
    problems.push(`problem_type: expected one of ${allowed}, got ${JSON.stringify(value)}`)
    return 'single-label'
  }
  if (found[1] === 'single-label' && outputs === 1) {
    problems.push('problem_type: expected regression or two labels and more, got single_label_classification with one')
  }
  return found[1]
}
