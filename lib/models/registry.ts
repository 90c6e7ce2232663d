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

/** What adapters take and what trains in full beside them, where nothing else is said: names on disk, as PEFT's defaults. */
export function tuningDefaults(modelType: string): { targetModules: readonly string[]; head?: readonly string[] } {
  const { targetModules = ['query', 'value'], head } = familyOf(modelType, 'tuningDefaults')
  return { targetModules, ...(head ? { head } : {}) }
}
