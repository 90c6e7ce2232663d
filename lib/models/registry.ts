import { ConfigError } from '../errors.ts'
import type { JsonObject } from '../io/index.ts'
import type { Placement } from '../nn/index.ts'
import { bert } from './bert.ts'
import type { SequenceClassifier } from './classifier.ts'
import { type EncoderConfig, type ModelConfig, readEncoderConfig } from './config.ts'
import { debertaV2 } from './deberta-v2.ts'
import { distilbert } from './distilbert.ts'
import { esm } from './esm.ts'
import type { ModelFamily } from './family.ts'
import { gpt2 } from './gpt2.ts'
import { roberta } from './roberta.ts'
import type { TokenClassifier } from './token-classifier.ts'

const families: readonly ModelFamily[] = [bert, roberta, distilbert, esm, debertaV2, gpt2]

/** What the head of a model is for. */
export type HeadTask = 'text-classification' | 'token-classification'

/** How one head of a family is named, made and read. */
export interface FamilyHead {
  readonly architecture: string
  readonly ignorable: readonly RegExp[]
  create(config: EncoderConfig, placement: Placement): SequenceClassifier | TokenClassifier
}

/** The model types that can be loaded. */
export const modelTypes: readonly string[] = families.map(family => family.modelType)

/**
 * The family of a `model_type`; `where` names the file that gave it.
 *
 * @throws ConfigError that lists the known ones.
 */
export function familyOf(modelType: unknown, where: string): ModelFamily {
  const found = families.find(family => family.modelType === modelType)
  if (found) return found
  const got = modelType === undefined ? 'none' : JSON.stringify(modelType)
  throw new ConfigError(
    'MODEL_TYPE',
    `${where}: expected a model_type of ${modelTypes.join(', ')}, got ${got}; use another model`,
    {
      key: 'model_type',
      allowed: modelTypes,
      got: modelType,
    },
  )
}

/**
 * The configuration of a model of this family; `where` names the file.
 *
 * @throws ConfigError that lists every wrong field together.
 */
export function readConfigOf(family: ModelFamily, json: JsonObject, where: string): ModelConfig {
  return family.readConfig?.(json, where) ?? readEncoderConfig(json, family.defaults!, where, family)
}

/** Standard deviation of the new weights of a layer. */
export function startStdOf(family: ModelFamily, config: ModelConfig): (path: string) => number {
  return path => family.startStd?.(config, path) ?? config.initializerRange
}

/** What adapters take and what trains in full beside them, where nothing else is said: names on disk, as PEFT's defaults. */
export function tuningDefaults(
  modelType: string,
  task = 'text-classification',
): { targetModules: readonly string[]; head?: readonly string[] } {
  const { targetModules = ['query', 'value'], head } = familyOf(modelType, 'tuningDefaults')
  return { targetModules, ...(head && task === 'text-classification' ? { head } : {}) }
}

/**
 * The head of a family for a task; what it ignores beside the family's names.
 *
 * @throws ConfigError where the family has none.
 */
export function headOf(family: ModelFamily, task: HeadTask, where: string): FamilyHead {
  if (task === 'text-classification') return { ...family, ignorable: [] }
  if (family.tokenClassifier) return family.tokenClassifier
  const allowed = families.filter(({ tokenClassifier }) => tokenClassifier).map(({ modelType }) => modelType)
  throw new ConfigError(
    'TASK',
    `${where}: expected a model_type of ${allowed.join(', ')} for ${task}, got ${family.modelType}; use another model`,
    { key: 'task', allowed, got: family.modelType },
  )
}
