import type { MagnitudeAxis } from '../adapters/index.ts'
import { FormatError } from '../errors.ts'
import type { SafetensorsFile } from '../io/index.ts'
import type { Source } from './source.ts'
import type { WholeModel } from './whole-model.ts'

/** Names of an adapted layer's tensors in its file. */
export interface FactorNames {
  loraA?: string
  loraB?: string
  magnitude?: string
}

/** How the layers of an adapter are adapted; the scaling may be another for each. */
export interface LowRankSettings {
  scaling: number | ((path: string) => number)
  magnitudeAxis: MagnitudeAxis
}

type Place = Pick<Source, 'checkpoint' | 'phase' | 'step'>

/**
 * A base model with an adapter on some of its layers.
 *
 * @param names tensors of the adapted layers, by the layers' names on disk
 * @throws FormatError that lists every layer whose tensors are not there, or do not fit the base
 */
export function lowRankSource(
  file: SafetensorsFile,
  names: ReadonlyMap<string, FactorNames>,
  settings: LowRankSettings,
  base: WholeModel,
  place: Place,
): Source {
  const adapted = new Map<string, FactorNames & { scaling: number }>()
  const problems: string[] = []
  const scalingOf = (path: string) => (typeof settings.scaling === 'number' ? settings.scaling : settings.scaling(path))
  for (const [path, factors] of names) {
    const layer = base.find(path)
    const problem = layer === undefined ? `no weight of ${path} in ${base.folder}` : misfit(layer, factors)
    if (layer === undefined || problem !== undefined) problems.push(problem ?? '')
    else adapted.set(layer, { ...factors, scaling: scalingOf(path) })
  }
  if (problems.length > 0) {
    const shown = problems.slice(0, 12).join('; ')
    throw new FormatError(
      'ANALYZE_ADAPTER',
      `analyze: ${file.path}: expected an adapter of ${base.folder}, got ${shown}${problems.length > 12 ? `; and ${problems.length - 12} more` : ''}; give the model that it was trained on`,
      { file: file.path, base: base.folder, problems },
    )
  }

  function misfit(layer: string, { loraA, loraB, magnitude }: FactorNames): string | undefined {
    if (loraA === undefined || loraB === undefined) return `only one of two factors of ${layer}`
    const shapeOf = (name: string) => file.entries.get(name)?.shape ?? []
    const [out, width] = base.checkpoint.entries.get(`${layer}.weight`)!.shape as [number, number]
    const [rank] = shapeOf(loraA)
    const lines = settings.magnitudeAxis === 'out' ? out : width
    const fits =
      shapeOf(loraA).join() === `${rank},${width}` &&
      shapeOf(loraB).join() === `${out},${rank}` &&
      (magnitude === undefined || shapeOf(magnitude).join() === `${lines}`)
    return fits ? undefined : `tensors of ${layer} that do not fit its [${out}, ${width}]`
  }

  return {
    ...place,
    isWhole: false,
    path: file.path,
    layers: [...adapted.keys()],
    has: layer => base.find(layer) !== undefined,
    weight(layer) {
      const weight = base.checkpoint.tensor(`${base.find(layer)}.weight`)
      const { loraA, loraB, magnitude, scaling } = adapted.get(layer) ?? {}
      if (loraA === undefined || loraB === undefined || scaling === undefined) return { weight }
      return {
        weight,
        lowRank: { loraA: file.tensor(loraA), loraB: file.tensor(loraB), scaling },
        magnitude:
          magnitude === undefined ? undefined : { values: file.tensor(magnitude), axis: settings.magnitudeAxis },
      }
    },
  }
}
