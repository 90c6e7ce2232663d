import { ArgumentError } from '../errors.ts'
import { type Level, levelOf, type Module, setLevel } from '../nn/index.ts'
import type { Tensor } from '../tensor/index.ts'
import type { AdapterMethod, AdapterSettings } from './adapter.ts'
import { attachAdapters, attachedAdapters, requirePlain } from './attach.ts'
import { kindOf, type KindSettings } from './kinds.ts'
import { type Patterns, requireMatches } from './patterns.ts'
import { findHead, findTargets, isInside, type TargetModules } from './targets.ts'

/** Ways of tuning a model: which of its parameters train, and at which level. */
export type TuningMethod = AdapterMethod | KindSettings['method'] | 'full' | 'bitfit' | 'head'

/** What a method needs to know. `head` names modules that are trained in full (PEFT's `modules_to_save`); none for a language model: `[]`. */
export type TuningSettings =
  | (AdapterSettings & Patterns & { targetModules: TargetModules; head?: readonly string[] })
  | (KindSettings & { head?: readonly string[] })
  | { method: 'full' | 'bitfit' | 'head'; head?: readonly string[] }

type NamedTensors = [name: string, tensor: Tensor][]

/**
 * Makes a model ready for a method: everything is frozen but what the method trains, adapters are attached where it has
 * some, and every parameter that trains knows its level.
 *
 * | method | lower | upper |
 * |---|---|---|
 * | bidora | loraA, loraB, head | magnitude |
 * | bidora, compat official | everything but the magnitudes | magnitude |
 * | dora | loraA, loraB, magnitude, head | |
 * | lora, rslora | loraA, loraB, head | |
 * | adalora | loraA, loraE, loraB, head | |
 * | vera | lambdaB, lambdaD, head | |
 * | fourierft | spectrum, head | |
 * | adapter | down, up, head | |
 * | bitfit | every bias, head | |
 * | head | head | |
 * | full | everything | |
 *
 * @throws ArgumentError where targets or head are not found, or the model has adapters already; it is then as it was
 */
export function prepareModel(model: Module, settings: TuningSettings): void {
  requirePlain('prepareModel', model)
  const head = findHead(model, settings.head)
  const { method } = settings
  const mayLackHead = method === 'full' || (method !== 'head' && settings.head?.length === 0)
  if (!mayLackHead && head.length === 0) {
    throw new ArgumentError(
      'ADAPTER_HEAD',
      `${method}: expected a head to train, got a model without classifier or score; name its modules in head`,
      { method },
    )
  }
  attach(model, settings, head)
  const adapters = new Set([...attachedAdapters(model).values()].flatMap(layer => layer.adapterParameters()))
  model.requireGrad(false)
  for (const [name, tensor] of model.namedParameters()) {
    const isOwn = adapters.has(tensor)
    const isTrained =
      isOwn ||
      method === 'full' ||
      kindOf(settings)?.trainsAll ||
      head.some(outer => isInside(name, outer)) ||
      (method === 'bitfit' && /(^|\.)bias$/.test(name))
    if (!isTrained) continue
    tensor.requiresGrad = true
    if (!isOwn) setLevel(tensor, 'lower')
  }
}

function attach(model: Module, settings: TuningSettings, head: readonly string[]): void {
  const kind = kindOf(settings)
  if (kind) kind.attach(model, settings as KindSettings, head)
  else if ('targetModules' in settings) {
    const targets = findTargets(model, settings.targetModules, head)
    requireMatches(settings as Patterns, targets)
    attachAdapters(model, targets, settings as AdapterSettings & Patterns)
  }
}

/** The parameters of a model that train, with their paths, by level. */
export function trainableParameters(model: Module): Record<Level, NamedTensors> {
  const trained = model.namedParameters().filter(([, tensor]) => tensor.requiresGrad)
  return {
    lower: trained.filter(([, tensor]) => levelOf(tensor) !== 'upper'),
    upper: trained.filter(([, tensor]) => levelOf(tensor) === 'upper'),
  }
}
