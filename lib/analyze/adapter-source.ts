import { join } from 'node:path'
import { isLoraFamily, patterned, readAdapterConfig, scalingOf } from '../adapters/index.ts'
import { ConfigError } from '../errors.ts'
import { SafetensorsFile } from '../io/index.ts'
import { type FactorNames, lowRankSource } from './low-rank-source.ts'
import { final, type Source } from './source.ts'
import type { WholeModel } from './whole-model.ts'

/** `base_model.model.PATH.lora_A.weight`, and the magnitude with or without its axis and `.weight`. */
const pattern = /^base_model\.model\.(.+)\.(lora_A|lora_B|lora_magnitude_vector(?:_in)?)(?:\.weight)?$/

/** The factors of an embedding, which is no linear layer and left out. */
const ofEmbedding = /^base_model\.model\.(.+)\.lora_embedding_[AB]$/

/**
 * An adapter in PEFT's layout on its base.
 *
 * @throws FormatError where config or tensors are not sound; ConfigError for a method that changes no weight of a layer
 */
export function adapterSource(folder: string, base: WholeModel): Source {
  const { settings } = readAdapterConfig(folder)
  if (!isLoraFamily(settings)) throw nothingChanged(folder, settings)
  const file = new SafetensorsFile(join(folder, 'adapter_model.safetensors'))
  const names = new Map<string, FactorNames>()
  const embeddings = new Set([...file.entries.keys()].map(name => ofEmbedding.exec(name)?.[1]))
  for (const name of file.entries.keys()) {
    const [, path, tensor] = pattern.exec(name) ?? []
    if (path === undefined || embeddings.has(path)) continue
    const part = tensor === 'lora_A' ? 'loraA' : tensor === 'lora_B' ? 'loraB' : 'magnitude'
    names.set(path, { ...names.get(path), [part]: name })
  }
  const scaling = (path: string) => scalingOf(patterned(settings, path))
  return lowRankSource(file, names, { scaling, magnitudeAxis: settings.magnitudeAxis ?? 'out' }, base, final)
}

/** For methods that train other things than weights of linear layers, or whose change is no product of two factors. */
export function nothingChanged(folder: string, settings: { method: string; compat?: unknown }): ConfigError {
  const method = settings.compat === 'official' ? `${settings.method}, compat official` : settings.method
  const way = ['bitfit', 'head', 'adapter'].includes(method)
    ? 'which leaves their weights as they are; there is nothing to analyse'
    : 'whose change is read from a merged model alone; merge it and give that'
  return new ConfigError(
    'ANALYZE_METHOD',
    `analyze: expected a model whose linear layers were changed (bidora, dora, lora, rslora, full), got ${folder} of method '${method}', ${way}`,
    { folder, method },
  )
}
