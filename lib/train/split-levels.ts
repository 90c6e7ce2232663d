import { drawnFrom } from '../adapters/index.ts'
import { assertEnoughForTwoLevels, lowerCount, stratifiedSplit } from '../data/split.ts'
import { randperm } from '../ops/index.ts'
import type { Training } from './training.ts'

/** Places of the examples of each level. */
export interface LevelParts {
  readonly lower: readonly number[]
  readonly upper: readonly number[]
}

/**
 * The seeded splits of the examples for one search each, every part with the share of each class: one by
 * `lowerFraction`; or, with folds, as many as there are folds, whose upper parts together are all examples, each once.
 *
 * @param repeat Every repeat has splits of its own.
 * @throws DataError where there are too few examples for both levels.
 */
export function splitLevels(training: Training, repeat: number): LevelParts[] {
  const { folds, seed } = training.settings
  const lowerFraction = folds > 1 ? 1 - 1 / folds : training.settings.lowerFraction
  const keys = training.keys()
  const perLevel = typeof keys[0] === 'number' ? training.model.labels!.labels.length : 1
  assertEnoughForTwoLevels(training.rowCount, { lowerFraction, perLevel, where: 'fit: examples' })
  if (training.settings.compat === 'official') return [officialSplit(training.rowCount, lowerFraction, seed)]
  const stream = repeat === 0 ? 'levels' : `levels ${repeat + 1}`
  if (folds > 1) return foldsOf(keys, { folds, seed, stream })
  const { first, second } = stratifiedSplit(keys, { size: lowerCount(keys.length, lowerFraction), seed, stream })
  return [{ lower: first, upper: second }]
}

/** As torch's `random_split` with a generator of this seed: without regard to classes, in the order that was drawn. */
function officialSplit(count: number, lowerFraction: number, seed: number): LevelParts {
  const order = drawnFrom(seed, () => randperm(count).tolist()) as number[]
  const lower = Math.trunc(lowerFraction * count)
  return { lower: order.slice(0, lower), upper: order.slice(lower) }
}

/** Takes one fold after the other out of what is left, so that each has the share of each class. */
function foldsOf(
  keys: readonly (number | null)[],
  { folds, seed, stream }: { folds: number; seed: number; stream: string },
): LevelParts[] {
  const all = [...keys.keys()]
  const uppers: number[][] = []
  let rest = all
  for (let left = folds; left > 1; left--) {
    const places = rest
    const { first, second } = stratifiedSplit(
      places.map(place => keys[place]!),
      { size: Math.round(places.length / left), seed, stream: `${stream}, fold ${uppers.length + 1}` },
    )
    uppers.push(first.map(index => places[index]!))
    rest = second.map(index => places[index]!)
  }
  uppers.push(rest)
  return uppers.map(upper => {
    const taken = new Set(upper)
    return { lower: all.filter(place => !taken.has(place)), upper }
  })
}
