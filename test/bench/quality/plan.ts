import type { CompareVariant } from '../../../lib/compare.ts'

// The study of equal quality: whether a search of cheaper rounds ends where the faithful one does. Each kind is paired
// with the faithful one by data set and seed.

export const datasets = ['sst2', 'stsb', 'mrpc'] as const

export const seeds: readonly number[] = [0, 1, 2, 3, 4]

/** What every run shares: the first 1,000 training rows, scored on the official dev set. */
export const common = {
  limitTrain: 1000,
  epochs: 3,
  searchEpochs: 3,
  learningRate: 3e-3,
  maxLength: 64,
  batchSize: 32,
} as const

export const reference = 'faithful'

const published = { method: 'bidora', hypergradient: 'finite-difference' } as const
const cheapest = { method: 'bidora', hypergradient: 'first-order', upperBatchSize: 16 } as const

/** Kinds of rounds by the names that `test/bench/variants.ts` has for them, without 'our' and 'round'. */
export const variants: Readonly<Record<string, CompareVariant>> = {
  faithful: { ...published, round: 'faithful' },
  'sampled-half': { ...published, round: 'sampled', curvatureFraction: 0.125, upperBatchSize: 16 },
  'first-order-half': cheapest,
  'first-order-half-bfloat16-frozen': { ...cheapest, precision: 'bfloat16-frozen' },
}

/** What equal quality means, in points of the score. */
export const limits = {
  /** The lower end of the 95 % interval of the mean difference over all pairs lies above this. */
  interval: -0.5,
  /** No data set's mean difference lies below this. */
  dataset: -1,
}
