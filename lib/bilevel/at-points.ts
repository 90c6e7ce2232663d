import { noGrad } from '../autograd/mode.ts'
import { clone, foreachCopy_ } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'

/**
 * Runs `fn` with leave to move the parameters. They are put back from copies, the same to the bit, also where it throws.
 *
 * @param fn gets the point of now, and a function that moves the parameters to another one
 */
export function atPoints<Result>(
  parameters: readonly Tensor[],
  fn: (start: Tensor[], moveTo: (point: readonly Tensor[]) => void) => Result,
): Result {
  const start = noGrad(() => parameters.map(parameter => clone(parameter)))
  const moveTo = (point: readonly Tensor[]) => noGrad(() => void foreachCopy_(parameters, point))
  try {
    return fn(start, moveTo)
  } finally {
    moveTo(start)
  }
}
