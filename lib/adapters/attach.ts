import { ArgumentError } from '../errors.ts'
import { toDiskName } from '../io/index.ts'
import { Embedding, type Module } from '../nn/index.ts'
import { AdaptedLinear, type AdapterSettings } from './adapter.ts'
import { AdaptedEmbedding } from './embedding.ts'
import { AdapterLayer } from './layer.ts'
import { type Patterns, patterned } from './patterns.ts'
import type { PlainLayer } from './plain-layer.ts'

/**
 * Puts adapted layers in the place of plain ones.
 *
 * @param targets layers with their paths, from `findTargets`
 * @returns the adapted layers by path
 * @throws ArgumentError where adapters are attached already, or where a target's weight is used by another module too
 */
export function attachAdapters(
  model: Module,
  targets: readonly (readonly [string, PlainLayer])[],
  settings: AdapterSettings & Patterns,
): Map<string, AdaptedLinear> {
  return standIn(model, targets, (layer, path) => {
    const own = patterned(settings, path)
    return layer instanceof Embedding ? new AdaptedEmbedding(layer, own) : new AdaptedLinear(layer, own)
  })
}

/** The same with adapted layers of any method, which `make` makes in the order of the targets. */
export function standIn<P extends PlainLayer, L extends AdapterLayer>(
  model: Module,
  targets: readonly (readonly [string, P])[],
  make: (layer: P, path: string) => L,
): Map<string, L> {
  requirePlain('attachAdapters', model)
  const users = new Map<unknown, string[]>()
  for (const [path, module] of model.namedModules()) {
    for (const tensor of new Set(Object.values(module))) users.set(tensor, [...(users.get(tensor) ?? []), path])
  }
  for (const [path, layer] of targets) {
    const others = (users.get(layer.weight) ?? []).filter(user => user !== path)
    if (others.length > 0) {
      throw new ArgumentError(
        'ADAPTER_TIED',
        `attachAdapters: expected a weight of its own in ${toDiskName(path)}, got one that ${others.map(toDiskName).join(', ')} shares; a merge would part them, take other targets`,
        { path, others },
      )
    }
  }
  return new Map(
    targets.map(([path, plain]) => {
      const layer = make(plain, path)
      model.setModule(path, layer)
      return [path, layer]
    }),
  )
}

/** @throws ArgumentError for a model that has adapters. */
export function requirePlain(where: string, model: Module): void {
  if (attachedAdapters(model).size === 0) return
  throw new ArgumentError(
    'ADAPTER_TWICE',
    `${where}: expected a model without adapters, got one that has some; detach or merge them first`,
  )
}

/** The layers of a model that LoRA, rsLoRA, DoRA or BiDoRA adapt, by path, in the model's order. */
export function adaptedLayers(model: Module): Map<string, AdaptedLinear> {
  return new Map(
    model.namedModules().filter((entry): entry is [string, AdaptedLinear] => entry[1] instanceof AdaptedLinear),
  )
}

/** What the adapters of any method stand in, by path, in the model's order. */
export function attachedAdapters(model: Module): Map<string, AdapterLayer> {
  return new Map(
    model.namedModules().filter((entry): entry is [string, AdapterLayer] => entry[1] instanceof AdapterLayer),
  )
}

/** Puts the plain layers back and disposes the adapters. What was frozen stays frozen. */
export function detachAdapters(model: Module): void {
  for (const [path, layer] of attachedAdapters(model)) model.setModule(path, layer.detach())
  model.releaseAll()
}
