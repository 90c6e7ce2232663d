import { autocast } from '../autograd/autocast.ts'
import { jvp, madeBefore } from '../autograd/forward.ts'
import { ArgumentError, TorchError } from '../errors.ts'
import { detach, reshape, stack, sub, to } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { weightedSum } from './accumulation.ts'
import {
  type Batches,
  type BilevelProblem,
  coupledName,
  evaluate,
  gradientsOf,
  type Hypergradient,
  lowerMixedProduct,
  upperGradients,
} from './problem.ts'
import { dot, norm, rounding } from './vector.ts'

export interface ExactOptions {
  /**
   * How the product is made: 'double-backward' (the default) differentiates <grad_V lowerLoss, v> by M; in
   * 'forward-over-reverse' V carries the tangent v while grad_M lowerLoss is made, whose tangent is the product. The same
   * number; the second needs a derivative in forward mode of every operator of the loss.
   */
  way?: 'double-backward' | 'forward-over-reverse'
}

/**
 *     v             = grad_V upperLoss(V, M)
 *     hypergradient = grad_M upperLoss(V, M) - [ d2 lowerLoss / dM dV ] v
 *
 * What `finite-difference` approaches as its radius goes to zero. With the norm of an adapter detached the two are
 * different numbers: the surrogate gradient of the lower loss is then not the gradient of any function, and its mixed
 * derivative not symmetric (`method.md` 1.6). Both ways hold constant what the graph does.
 *
 * @throws ArgumentError for another `way`
 * @throws TorchError for an operator without the derivative that the way needs, naming it; where forward mode has not
 * seen all of the lower loss
 */
export function exact<LowerBatch, UpperBatch>(
  problem: BilevelProblem<LowerBatch, UpperBatch>,
  { lowerBatch, upperBatch }: Batches<LowerBatch, UpperBatch>,
  { way = 'double-backward' }: ExactOptions,
): Hypergradient {
  if (way !== 'double-backward' && way !== 'forward-over-reverse') {
    throw new ArgumentError(
      'BILEVEL_WAY',
      `exact: expected way to be 'double-backward' or 'forward-over-reverse', got ${String(way)}; the two agree`,
      { way },
    )
  }
  const { upperLoss, vector, direct } = upperGradients(problem, upperBatch)
  const implicit =
    way === 'double-backward'
      ? lowerMixedProduct(problem, lowerBatch, problem.upperParameters, vector)
      : weightedSum(lowerBatch, part => forwardOverReverse(problem, part, vector))
  return { gradients: direct.map((g, i) => sub(g, implicit[i]!)), upperLoss }
}

/**
 * `[ d2 lowerLoss / dM dV ] v`: how grad_M lowerLoss changes as V moves along v. In the parameters' own type, whatever
 * narrower one the loss asks for: in bfloat16 both modes differ by more than what `checkSeen` looks for.
 */
function forwardOverReverse<LowerBatch>(
  problem: BilevelProblem<LowerBatch, never>,
  batch: LowerBatch,
  vector: readonly Tensor[],
): Tensor[] {
  const { lowerParameters, upperParameters } = problem
  const gradientsAt = () => {
    const loss = evaluate(problem, coupledName(problem), batch)
    if (madeBefore(loss, lowerParameters)) throw incomplete('was made of the lower parameters before it was called', {})
    return [loss, ...gradientsOf(loss, [...lowerParameters, ...upperParameters])]
  }
  const { values, tangents } = autocast(undefined, () => jvp(gradientsAt, lowerParameters, vector))
  const [loss, ...gradients] = values
  checkSeen(loss!, tangents[0]!, gradients.slice(0, lowerParameters.length), vector)
  return tangents.slice(1 + lowerParameters.length).map(tangent => detach(tangent))
}

type Five = [number, number, number, number, number]

/**
 * A second net below `madeBefore`: whatever else has a gradient but no tangent, its part of the product would be missing
 * without a sign of it. So both modes have to agree on the first derivative along v, which costs the reverse one the
 * gradient by V.
 */
function checkSeen(loss: Tensor, tangent: Tensor, gradient: readonly Tensor[], vector: readonly Tensor[]): void {
  const numbers = [tangent, dot(gradient, vector), norm(gradient), norm(vector), loss]
  const scalars = numbers.map(x => reshape(to(detach(x), { dtype: 'float64' }), []))
  const [forward, reverse, g, v, value] = [...(stack(scalars).data() as Float64Array)] as Five // sync
  const spacing = rounding([...vector, loss])
  const allowed = Math.sqrt(spacing) * g * v + 100 * spacing * (Math.abs(value) + v)
  if (!(Math.abs(forward - reverse) > allowed)) return // what is not finite is reported by its name later
  throw incomplete(`changes along v by ${reverse} in reverse mode and ${forward} in forward mode`, { forward, reverse })
}

function incomplete(fault: string, details: Record<string, unknown>): TorchError {
  return new TorchError(
    'FORWARD_INCOMPLETE',
    `exact: expected a lowerLoss that forward mode sees all of, got one of which a part ${fault}; compute all of it inside lowerLoss, in the parameters' type, or take way 'double-backward'`,
    details,
  )
}
