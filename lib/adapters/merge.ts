import { ArgumentError, TorchError } from '../errors.ts'
import { all, isfinite } from '../ops/index.ts'
import { noGrad } from '../autograd/mode.ts'
import { toDiskName } from '../io/index.ts'
import type { Module } from '../nn/index.ts'
import { scope } from '../tensor/index.ts'
import type { AdapterLayer } from './layer.ts'
import { attachedAdapters } from './attach.ts'
import { LinearAdapter } from './linear-adapter.ts'
import type { PlainLayer } from './plain-layer.ts'

/** A merged model's way back. */
export interface Merge {
  /** Puts the adapted layers back as they were, to the bit, and frees the merged weights. */
  undo(): void
  /** Ends the adapters: their tensors and the weights they were made from are disposed. */
  finish(): void
}

/**
 * Puts plain layers with merged weights in the place of the adapted ones. Every merged weight is made from the
 * frozen one, which is kept until `finish`: nothing is ever divided out again.
 *
 * @throws ArgumentError where the model has no adapter, or one that is no change of a weight
 * @throws TorchError where a merged weight is not finite; the model is then as it was
 */
export function mergeAdapters(model: Module): Merge {
  const adapted = new Map([...attachedAdapters(model)].map(([path, layer]) => [path, mergeable(path, layer)]))
  if (adapted.size === 0)
    throw new ArgumentError(
      'ADAPTER_NONE',
      'mergeAdapters: expected a model with adapters, got none; attach or load them first',
    )
  const merged = new Map<string, PlainLayer>()
  const free = () => merged.forEach(plain => void plain.weight.dispose())
  try {
    for (const [path, layer] of adapted) merged.set(path, plainLayer(path, layer))
  } catch (error) {
    free()
    throw error
  }
  for (const [path, plain] of merged) model.setModule(path, plain)
  return {
    undo() {
      for (const [path, layer] of adapted) model.setModule(path, layer)
      free()
    },
    finish() {
      for (const layer of adapted.values()) layer.detach().weight.dispose() // the bias lives on in the merged layer
    },
  }
}

/** @throws ArgumentError for an adapter that is no change of a weight. */
function mergeable(path: string, layer: AdapterLayer): LinearAdapter {
  if (layer instanceof LinearAdapter) return layer
  throw new ArgumentError(
    'ADAPTER_NO_MERGE',
    `mergeAdapters: expected adapters that change weights, got ${layer.describe()} in ${toDiskName(path)}, which no plain layer can stand for; use the adapter as it is`,
    { path },
  )
}

function plainLayer(path: string, layer: LinearAdapter): PlainLayer {
  const weight = noGrad(() =>
    scope(() => {
      const merged = layer.mergedWeight()
      if (all(isfinite(merged)).item()) return merged // sync
      throw new TorchError(
        'MERGE_NOT_FINITE',
        `mergeAdapters: expected finite numbers, got others in the merged weight of ${toDiskName(path)}; the training went astray, take an earlier checkpoint`,
        { path },
      )
    }),
  )
  return layer.plainWith(weight)
}
