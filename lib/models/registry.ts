import { ConfigError } from '../errors.ts'
import { bert } from './bert.ts'
import { debertaV2 } from './deberta-v2.ts'
import { distilbert } from './distilbert.ts'
import { esm } from './esm.ts'
import type { ModelFamily } from './family.ts'
import { roberta } from './roberta.ts'

const families: readonly ModelFamily[] = [bert, roberta, distilbert, esm, debertaV2]

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

/** The layers that are adapted unless said otherwise, as PEFT chooses them. */
export function defaultTargets(modelType: string): readonly string[] {
  return families.find(family => family.modelType === modelType)?.targetModules ?? ['query', 'value']
}

/** The modules that train in full beside adapters, where those of the usual names are not all. */
export function defaultHead(modelType: string): readonly string[] | undefined {
  return families.find(family => family.modelType === modelType)?.trainedInFull
}
