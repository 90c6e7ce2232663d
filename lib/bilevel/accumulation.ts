import { ArgumentError } from '../errors.ts'
import { add_, mul } from '../ops/index.ts'
import { scope, type Tensor } from '../tensor/index.ts'

/** One part of an accumulated batch. */
export interface Part<Batch> {
  batch: Batch
  /** The part's share of what the loss averages over: its rows / all rows. The shares of all parts sum to 1. */
  weight: number
}

/** A batch in parts; made by `accumulated`. */
export class Accumulated<Batch> {
  readonly parts: readonly Part<Batch>[]

  constructor(parts: readonly Part<Batch>[]) {
    checkParts(parts)
    this.parts = parts
  }
}

/** A batch as it is, or in parts. */
export type Accumulable<Batch> = Batch | Accumulated<Batch>

/**
 * A batch in parts that are evaluated one after the other, each one's graph freed before the next is made: the memory
 * of a part, the numbers of the whole. With `loss` the mean over rows and weights by rows,
 *
 *     loss(accumulated(parts)) = sum over parts of weight * loss(part)        likewise for every derivative of it
 *
 * It may stand wherever this room takes a batch, at either level.
 *
 * @throws ArgumentError where there is no part, a weight is no number of at least 0, the weights do not sum to 1 (to
 * 1e-9), or a part is itself accumulated
 *
 * @example
 * accumulated([{ batch: first, weight: 3 / 5 }, { batch: second, weight: 2 / 5 }]) // 3 and 2 rows
 */
export function accumulated<Batch>(parts: readonly Part<Batch>[]): Accumulated<Batch> {
  return new Accumulated(parts)
}

/** Values of a batch: the weighted sum over its parts of what `ofPart` gives, one tensor for each of its tensors. */
export function weightedSum<Batch>(batch: Accumulable<Batch>, ofPart: (part: Batch) => Tensor[]): Tensor[] {
  if (!(batch instanceof Accumulated)) return scope(() => ofPart(batch))
  const [first, ...others] = batch.parts
  const total = scope(() => ofPart(first!.batch).map(value => mul(value, first!.weight)))
  for (const { batch: part, weight } of others)
    scope(() => ofPart(part).forEach((value, i) => void add_(total[i]!, value, { alpha: weight })))
  return total
}

function checkParts(parts: readonly Part<unknown>[]): void {
  const refuse = (what: string, details: Record<string, unknown>) => {
    throw new ArgumentError('BILEVEL_PARTS', `accumulated: ${what}`, details)
  }
  if (parts.length === 0) refuse('expected at least one part, got none; give { batch, weight } for each', {})
  const weights = parts.map(part => part.weight)
  parts.forEach(({ batch, weight }, index) => {
    if (batch instanceof Accumulated)
      refuse(`expected plain batches, got an accumulated one at part ${index}; give its parts instead`, { index })
    if (!(weight >= 0 && Number.isFinite(weight)))
      refuse(`expected weights of at least 0, got ${weight} at part ${index}; give its rows / all rows`, {
        index,
        weight,
      })
  })
  const sum = weights.reduce((total, weight) => total + weight, 0)
  if (Math.abs(sum - 1) > 1e-9)
    refuse(`expected weights that sum to 1, got ${sum}; give each part its rows / all rows`, { weights, sum })
}
