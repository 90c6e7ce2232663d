import { autocast } from '../autograd/autocast.ts'
import { add, div, foreachAdd, foreachSub, mul, reciprocal, sub } from '../ops/index.ts'
import { scope, type Tensor } from '../tensor/index.ts'
import type { Accumulable } from './accumulation.ts'
import { atPoints } from './at-points.ts'
import { type BilevelProblem, coupledName, lossGradients } from './problem.ts'
import { repeatable } from './random.ts'
import { norm } from './vector.ts'

/**
 *     epsilon = radius / (||x||_2 + 1e-15)                x over all lower parameters together
 *     result  = ( grad_M lowerLoss(V + epsilon x, M) - grad_M lowerLoss(V - epsilon x, M) ) / (2 epsilon)
 *
 * which is [ d2 lowerLoss / dM dV ] x up to the square of the radius. Both evaluations draw the same dropout masks, unless the
 * problem says `freshMasks`.
 */
export function centralDifference<LowerBatch>(
  problem: BilevelProblem<LowerBatch, never>,
  lowerBatch: Accumulable<LowerBatch>,
  x: readonly Tensor[],
  radius: number,
): Tensor[] {
  const { lowerParameters, upperParameters } = problem
  // In the parameters' own type, whatever narrower one the losses ask for: with products in bfloat16 a step of 0.01 is
  // lost in rounding (`method.md` 4.2, 8 % of error and more).
  const once = () =>
    autocast(undefined, () => lossGradients(problem, coupledName(problem), lowerBatch, upperParameters).gradients)
  const evaluate = problem.freshMasks ? once : repeatable(lowerParameters, once)
  return scope(() => {
    const epsilon = epsilonAlong(x, radius)
    const offsets = x.map(part => mul(part, epsilon))
    const [plus, minus] = atPoints(lowerParameters, (start, moveTo) =>
      [foreachAdd, foreachSub].map(moved => {
        moveTo(moved(start, offsets))
        return evaluate()
      }),
    )
    return plus!.map((gradient, i) => div(sub(gradient, minus![i]!), mul(epsilon, 2)))
  })
}

/** `radius / (||x||_2 + 1e-15)`: a float64 scalar that stays on its device, without a sync. */
export function epsilonAlong(x: readonly Tensor[], radius: number): Tensor {
  return mul(reciprocal(add(norm(x), 1e-15)), radius)
}
