import { averageRanks } from './average-ranks.ts'
import { checkPairs } from './check.ts'
import { pearson } from './pearson.ts'

/**
 * Spearman's rank correlation: Pearson's of the ranks, equal numbers sharing their mean rank. NaN where a list is
 * constant or holds NaN and for a single pair, as scipy gives it; infinity is merely the largest number.
 *
 * @throws ArgumentError on lists of different lengths and empty lists.
 */
export function spearman(predictions: ArrayLike<number>, references: ArrayLike<number>): number {
  checkPairs('spearman', predictions, references)
  if (Array.from(predictions).some(Number.isNaN) || Array.from(references).some(Number.isNaN)) return Number.NaN
  return pearson(averageRanks(predictions), averageRanks(references))
}
