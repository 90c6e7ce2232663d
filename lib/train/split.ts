import { DataError } from '../errors.ts'
import { mixSeed } from './batch-stream.ts'

/** Places 0 to count - 1 in a random order that follows from the seed (Fisher-Yates). */
export function shuffledPlaces(count: number, seed: number): number[] {
  const places = Array.from({ length: count }, (_, index) => index)
  for (let i = count - 1; i > 0; i--) {
    const j = mixSeed(seed, i) % (i + 1)
    const swapped = places[i]!
    places[i] = places[j]!
    places[j] = swapped
  }
  return places
}

/**
 * Splits places into the part that the lower level trains on and the part of the upper level.
 *
 * @throws DataError where a part would be empty, naming the least number of examples.
 */
export function splitLevels(count: number, lowerFraction: number, seed: number): { lower: number[]; upper: number[] } {
  const lowerCount = Math.floor(lowerFraction * count)
  if (lowerCount < 1 || lowerCount === count) {
    let least = 2
    while (Math.floor(lowerFraction * least) < 1 || Math.floor(lowerFraction * least) === least) least++
    throw new DataError(
      'TOO_FEW_ROWS',
      `fit: two levels with lowerFraction ${lowerFraction} need at least ${least} training examples, got ${count}; add examples or take method 'dora'`,
      { count, least, lowerFraction },
    )
  }
  const places = shuffledPlaces(count, seed)
  return { lower: places.slice(0, lowerCount), upper: places.slice(lowerCount) }
}
