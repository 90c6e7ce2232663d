import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { ArgumentError } from '../errors.ts'
import { type JsonObject, toDiskName, weightsFile, writeJson, writeSafetensors } from '../io/index.ts'
import { compareState, describeMismatch, stateOf } from '../nn/index.ts'
import type { SequenceClassifier } from './classifier.ts'
import { type EncoderConfig, nameOnDisk, problemTypeOnDisk, realNames } from './config.ts'
import type { ModelFamily } from './family.ts'
import { familyOf } from './registry.ts'

/**
 * Saves a model as a Hugging Face checkpoint (`config.json`, `model.safetensors`) that plain transformers loads. Fields
 * of the loaded configuration that this library does not know are kept.
 *
 * @throws ArgumentError for a model whose parameters are not those of its architecture, as one with adapters.
 */
export function saveModel(model: SequenceClassifier, folder: string): void {
  const { config } = model
  const family = familyOf(config.modelType, 'saveModel')
  const plain = family.create(config, { device: 'meta' })
  const state = stateOf(model)
  const mismatch = compareState(plain, state)
  plain.dispose()
  if (mismatch) {
    throw new ArgumentError(
      'NOT_PLAIN',
      `saveModel: expected the parameters of ${family.architecture}, got ${describeMismatch(mismatch)}; merge the adapters first`,
      { ...mismatch },
    )
  }
  mkdirSync(folder, { recursive: true })
  const named = new Map([...state].map(([path, tensor]) => [toDiskName(path), tensor]))
  writeSafetensors(join(folder, weightsFile), named, { format: 'pt' })
  const dtype = [...state.values()][0]!.dtype
  const onDisk = configOnDisk(model.origin?.config ?? {}, config, family, dtype)
  writeJson(join(folder, 'config.json'), onDisk, { reals: realNames(family) })
}

/** The configuration in the words of transformers; `dtype` is the key of its version 5, `torch_dtype` of those before. */
function configOnDisk(origin: JsonObject, config: EncoderConfig, family: ModelFamily, dtype: string): JsonObject {
  const { labels, problemType, ...rest } = config
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
    architectures: [family.architecture],
    dtype,
    torch_dtype: dtype,
    id2label: Object.fromEntries(labels.map((label, index) => [String(index), label])),
    label2id: Object.fromEntries(labels.map((label, index) => [label, index])),
    problem_type: problemTypeOnDisk(problemType),
  }
}
