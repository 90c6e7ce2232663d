import { checkFinite, checkPairs } from './check.ts'
import { mean } from './sum.ts'

/**
 * Mean of the squared differences, in squared units of the score.
 *
 * @throws ArgumentError on lists of different lengths, empty lists, NaN and infinity.
 */
export function mse(predictions: ArrayLike<number>, references: ArrayLike<number>): number {
  checkPairs('mse', predictions, references)
  checkFinite('mse predictions', predictions)
  checkFinite('mse references', references)
  return mean(Float64Array.from(references, (reference, i) => (predictions[i]! - reference) ** 2))
}
