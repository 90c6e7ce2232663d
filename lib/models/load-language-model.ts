import { join } from 'node:path'
import { ConfigError, FormatError } from '../errors.ts'
import { type Checkpoint, type JsonObject, openCheckpoint, readJsonObject, toDiskName } from '../io/index.ts'
import type { Linear, Placement } from '../nn/index.ts'
import { equal } from '../ops/index.ts'
import { scope } from '../tensor/index.ts'
import type { CausalLanguageModel } from './causal.ts'
import { planNames } from './checkpoint-names.ts'
import type { ModelFamily } from './family.ts'
import { initialise } from './initialise.ts'
import { checkPlacement, placed, requireFit, requireHead } from './load.ts'
import { familyOf, readConfigOf, startStdOf } from './registry.ts'

/** Options of `loadLanguageModel`. */
export interface LoadLanguageModelOptions extends Placement {
  /** Copy the weights instead of sharing the mapped file; see `ReadOptions`. */
  copy?: boolean
}

/** The head's weight, which is the word table where the configuration ties them. */
const headName = 'lm_head.weight'

/**
 * Loads a language model from a Hugging Face folder, in evaluation mode, as strictly as `loadModel`. A checkpoint without a
 * head will do where the head is the word table, one with the head of another task will not; a head beside a table that it is tied to has to be equal to it.
 *
 * @example const model = loadLanguageModel('./gpt2')
 * @throws ConfigError for a model that reads both ways or is not supported, FormatError for a checkpoint that does not fit.
 */
export function loadLanguageModel(folder: string, options: LoadLanguageModelOptions = {}): CausalLanguageModel {
  const placement = checkPlacement(options)
  const file = join(folder, 'config.json')
  const json = readJsonObject(file)
  const family = familyOf(json.model_type, file)
  const language = requireLanguage(family, file)
  const config = readConfigOf(family, json, file)
  requireHead(json, [language.architecture, ...language.alsoFrom(config)], file, 'use a checkpoint of a language model')
  const checkpoint = openCheckpoint(folder, { copy: options.copy ?? false })
  const { sources, ignored } = planNames(checkpoint.entries.keys(), { ...family, ignorable: language.ignorable }, false)

  const model = language.create(config, { ...placement, device: 'meta' }) // shapes only
  try {
    const kept = new Map(sources)
    const left = [...ignored]
    const table = tableOf(model)
    if (table && kept.delete('lmHead.weight')) {
      requireEqual(checkpoint, sources.get('lmHead.weight')!, sources.get(table))
      left.push(headName)
    }
    requireFit(model, kept, checkpoint, () => false)
    for (const [path, name] of kept) model.setTensor(path, placed(checkpoint.tensor(name), placement))
    model.origin = { folder, config: json, created: [], ignored: left }
    return model.train(false)
  } catch (error) {
    model.dispose()
    throw error
  }
}

/**
 * Makes a language model with random weights, by transformers' rule, from a configuration in the form of `config.json`.
 *
 * @throws ConfigError for a model or a setting that is not supported.
 */
export function createLanguageModel(config: JsonObject, placement: Placement = {}): CausalLanguageModel {
  const family = familyOf(config.model_type, 'createLanguageModel')
  const language = requireLanguage(family, 'createLanguageModel')
  const where = checkPlacement(placement)
  const read = readConfigOf(family, config, 'createLanguageModel')
  const model = language.create(read, { ...where, device: 'meta' })
  initialise(model, { std: startStdOf(family, read), placement: where })
  return model.train(false)
}

function requireLanguage(family: ModelFamily, where: string): NonNullable<ModelFamily['languageModel']> {
  if (family.languageModel) return family.languageModel
  throw new ConfigError(
    'TASK',
    `${where}: expected a model that reads from left to right, as gpt2, got ${family.modelType}, which reads both ways; use another model for text generation`,
    { key: 'model_type', got: family.modelType },
  )
}

/** Path of the tensor that the head shares, or undefined where it has one of its own. */
function tableOf(model: CausalLanguageModel): string | undefined {
  const { weight } = model.getModule('lmHead') as Linear
  const [path] = model.namedParameters().find(([, tensor]) => tensor === weight)!
  return path === 'lmHead.weight' ? undefined : path
}

function requireEqual(checkpoint: Checkpoint, head: string, table: string | undefined): void {
  if (table === undefined) return // its absence is told with all other names
  const isEqual = scope(() => equal(checkpoint.tensor(head), checkpoint.tensor(table)))
  if (isEqual) return
  throw new FormatError(
    'CHECKPOINT_MISMATCH',
    `${checkpoint.path}: expected ${head} equal to ${toDiskName(table)}, which config.json ties it to, got another; set tie_word_embeddings to false`,
    { file: checkpoint.path, head, table },
  )
}
