import { ConfigError } from '../errors.ts'
import type { JsonObject } from '../io/index.ts'
import { bert } from './bert.ts'
import { type ModelConfig, readEncoderConfig } from './config.ts'
import type { ModelFamily } from './family.ts'
import { gpt2 } from './gpt2.ts'
import { roberta } from './roberta.ts'

const families: readonly ModelFamily[] = [bert, roberta, gpt2]

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
  return family.readConfig?.(json, where) ?? readEncoderConfig(json, family.defaults!, where)
}

/** Standard deviation of the new weights of a layer. */
export function startStdOf(family: ModelFamily, config: ModelConfig): (path: string) => number {
  return path => family.startStd?.(config, path) ?? config.initializerRange
}

/** The layers that are adapted unless said otherwise, as PEFT chooses them. */
export function defaultTargets(modelType: string): readonly string[] {
  return families.find(family => family.modelType === modelType)?.targetModules ?? ['query', 'value']
}
