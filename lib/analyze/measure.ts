import { setImmediate as breathe } from 'node:timers/promises'
import { type MagnitudeAxis, readAdapterConfig } from '../adapters/index.ts'
import { AbortError, ArgumentError, ConfigError, FormatError } from '../errors.ts'
import { scope } from '../tensor/index.ts'
import { weightChange } from './change.ts'
import { fitKinds } from './fit.ts'
import { blockOf, layerKinds } from './layer-name.ts'
import { findBase, isAdapter, openSources } from './open-sources.ts'
import type { Source } from './source.ts'
import type { Analysis, AnalyzeOptions, LayerChange } from './types.ts'
import { openWhole, wholeSource } from './whole-model.ts'

/** The work of `analyze`. */
export async function measure(options: AnalyzeOptions): Promise<Analysis> {
  const { adapter, against, targetModules, checkpoints = true, signal } = checked(options)
  const base = openWhole(findBase(options.model, adapter, against))
  const before = against === undefined ? wholeSource(base) : openSources(against, base, true).at(-1)!
  const states = openSources(adapter, base, checkpoints)
  const magnitudeAxis = options.magnitudeAxis ?? ownAxis(adapter) ?? 'out'

  // Named among all layers of the model, so that a kind is called the same whatever is looked at.
  const kinds = layerKinds([...base.layers, ...before.layers, ...states.flatMap(state => state.layers)])
  const changes: LayerChange[][] = []
  for (const state of states) {
    const measured: LayerChange[] = []
    for (const layer of wanted(layersOf(before, state), targetModules, state.path)) {
      if (signal?.aborted)
        throw new AbortError('ABORTED', 'analyze: stopped before the end', {}, { cause: signal.reason })
      measured.push(layerChange(before, state, { layer, kind: kinds.get(layer)!, magnitudeAxis }))
      await breathe() // the caller's event loop gets its turn after each layer
    }
    changes.push(measured)
  }
  const layers = withoutRepetition(changes)
  const analysis = { adapter, against: against ?? base.folder, magnitudeAxis, layers, ...fitKinds(layers) }
  if (options.output === undefined) return analysis
  const { writeAnalysis } = await import('./write.ts')
  return { ...analysis, files: await writeAnalysis(options.output, analysis) }
}

/** The change of one layer; its tensors are gone when it returns. */
function layerChange(
  before: Source,
  state: Source,
  { layer, kind, magnitudeAxis }: { layer: string; kind: string; magnitudeAxis: MagnitudeAxis },
): LayerChange {
  const { checkpoint, phase, step } = state
  const change = scope(() => {
    const [from, to] = [before.weight(layer), state.weight(layer)]
    if (from.weight.shape.join() === to.weight.shape.join()) return weightChange(from, to, magnitudeAxis)
    throw new FormatError(
      'ANALYZE_SHAPE',
      `analyze: ${layer}: expected two models of one architecture, got [${from.weight.shape}] in ${before.path} and [${to.weight.shape}] in ${state.path}; give models that fit each other`,
      { layer, shapes: [from.weight.shape, to.weight.shape] },
    )
  })
  if (!Number.isFinite(change.magnitudeChange) || !Number.isFinite(change.directionChange)) {
    throw new FormatError(
      'ANALYZE_NOT_FINITE',
      `analyze: ${layer}: expected finite numbers, got others in ${state.path} or ${before.path}; the training went astray, take an earlier checkpoint`,
      { layer },
    )
  }
  return { layer, kind, block: blockOf(layer), checkpoint, phase, step, magnitudeAxis, ...change }
}

/** Layers that may differ between two states and that both have. */
function layersOf(before: Source, after: Source): string[] {
  // A whole model may differ in any layer; where the other is an adapter, what it leaves alone differs nowhere.
  const all = new Set([...after.layers, ...(before.isWhole ? [] : before.layers)])
  const both = [...all].filter(layer => before.has(layer) && after.has(layer))
  return both.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
}

/** @throws ConfigError for a name that no layer ends with, and where there are no layers at all */
function wanted(layers: readonly string[], targets: readonly string[] | undefined, path: string): readonly string[] {
  if (layers.length === 0) {
    throw new FormatError(
      'ANALYZE_NO_LAYERS',
      `analyze: expected layers that both models have, got none in ${path}; give models of one architecture`,
      { path },
    )
  }
  if (targets === undefined) return layers
  const endsWith = (layer: string, name: string) => layer === name || layer.endsWith(`.${name}`)
  const stranger = targets.find(name => !layers.some(layer => endsWith(layer, name)))
  if (stranger !== undefined) {
    const known = [...new Set(layers.map(layer => layer.slice(layer.lastIndexOf('.') + 1)))]
    throw new ConfigError(
      'CONFIG_VALUE',
      `analyze: targetModules: expected ends of names of layers, got '${stranger}', which matches none; there are ${known.join(', ')}`,
      { key: 'targetModules', value: stranger, allowed: known },
    )
  }
  return layers.filter(layer => targets.some(name => endsWith(layer, name)))
}

/** A finished run holds its end twice, as the last checkpoint and as the saved model: it counts once, as `final`. */
function withoutRepetition(states: readonly (readonly LayerChange[])[]): LayerChange[] {
  const numbers = (changes: readonly LayerChange[] | undefined) =>
    JSON.stringify(
      changes?.map(({ layer, magnitudeChange, directionChange }) => [layer, magnitudeChange, directionChange]),
    )
  const isRepeated = states.length > 1 && numbers(states.at(-1)) === numbers(states.at(-2))
  return (isRepeated ? states.toSpliced(-2, 1) : states).flat()
}

/** The axis of the adapter's own magnitudes, where it has some. */
function ownAxis(folder: string): MagnitudeAxis | undefined {
  if (!isAdapter(folder)) return undefined
  const { settings } = readAdapterConfig(folder)
  return 'magnitudeAxis' in settings ? settings.magnitudeAxis : undefined
}

function checked(options: AnalyzeOptions): AnalyzeOptions {
  if (typeof options?.adapter !== 'string' || options.adapter === '') {
    throw new ArgumentError(
      'ANALYZE_OPTIONS',
      `analyze: expected the folder of a model as adapter, got ${options?.adapter}`,
    )
  }
  const { magnitudeAxis } = options
  if (magnitudeAxis !== undefined && magnitudeAxis !== 'in' && magnitudeAxis !== 'out') {
    throw new ConfigError('CONFIG_VALUE', `analyze: magnitudeAxis: expected 'in' or 'out', got '${magnitudeAxis}'`, {
      key: 'magnitudeAxis',
      allowed: ['in', 'out'],
    })
  }
  return options
}
