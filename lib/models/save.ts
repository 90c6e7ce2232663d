import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { ArgumentError } from '../errors.ts'
import { type JsonObject, toDiskName, weightsFile, writeJson, writeSafetensors } from '../io/index.ts'
import { compareState, describeMismatch, stateOf } from '../nn/index.ts'
import { CausalLanguageModel } from './causal.ts'
import type { SequenceClassifier } from './classifier.ts'
import { type EncoderConfig, type ModelConfig, nameOnDisk, problemTypeOnDisk, realNames } from './config.ts'
import type { ModelFamily } from './family.ts'
import { familyOf, headOf } from './registry.ts'
import { TokenClassifier } from './token-classifier.ts'

/**
 * Saves a model as a Hugging Face checkpoint (`config.json`, `model.safetensors`) that plain transformers loads. Fields
 * of the loaded configuration that this library does not know are kept.
 *
 * @throws ArgumentError for a model whose parameters are not those of its architecture, as one with adapters.
 */
export function saveModel(model: SequenceClassifier | TokenClassifier | CausalLanguageModel, folder: string): void {
  const { config } = model
  const family = familyOf(config.modelType, 'saveModel')
  const task = model instanceof TokenClassifier ? 'token-classification' : 'text-classification'
  const isLanguage = model instanceof CausalLanguageModel
  const { architecture, create } = isLanguage ? family.languageModel! : headOf(family, task, 'saveModel')
  const plain = create(config as EncoderConfig, { device: 'meta' })
  const state = stateOf(model)
  const mismatch = compareState(plain, state)
  plain.dispose()
  if (mismatch) {
    throw new ArgumentError(
      'NOT_PLAIN',
      `saveModel: expected the parameters of ${architecture}, got ${describeMismatch(mismatch)}; merge the adapters first`,
      { ...mismatch },
    )
  }
  mkdirSync(folder, { recursive: true })
  const named = new Map([...state].map(([path, tensor]) => [toDiskName(path), tensor]))
  writeSafetensors(join(folder, weightsFile), named, { format: 'pt' })
  const dtype = [...state.values()][0]!.dtype
  const head = isLanguage ? {} : headOnDisk(config)
  const onDisk = {
    ...configOnDisk(model.origin?.config ?? {}, config, family, dtype),
    architectures: [architecture],
    ...head,
    // It says what one row of logits a text means.
    ...(task === 'token-classification' ? { problem_type: null } : {}),
  }
  writeJson(join(folder, 'config.json'), onDisk, { reals: realNames(family) })
}

/** The configuration in the words of transformers; `dtype` is the key of its version 5, `torch_dtype` of those before. */
function configOnDisk(origin: JsonObject, config: ModelConfig, family: ModelFamily, dtype: string): JsonObject {
  const { labels: _labels, problemType: _problem, ...rest } = config
  // id2label says how many there are; an old count beside it would contradict it.
  const { num_labels: _, ...kept } = origin
  const fields = Object.entries(rest).flatMap(([key, value]) => {
    const name = nameOnDisk(key, family.names)
    // To transformers, a field of a family's own that is null is not one that is left out.
    const isLeftOut = name === null || (value === undefined && Object.hasOwn(family.own ?? {}, key))
    return isLeftOut ? [] : [[name, value ?? null] as const]
  })
  return {
    ...kept,
    ...Object.fromEntries(fields),
    dtype,
    torch_dtype: dtype,
  }
}

function headOnDisk({ labels, problemType }: ModelConfig): JsonObject {
  return {
    id2label: Object.fromEntries(labels.map((label, index) => [String(index), label])),
    label2id: Object.fromEntries(labels.map((label, index) => [label, index])),
    problem_type: problemTypeOnDisk(problemType),
  }
}
