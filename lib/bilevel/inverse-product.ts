import { sub, to } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { type Breakdown, notFinite, reportBreakdown } from './diagnostics.ts'
import { lowerProducts } from './lower-products.ts'
import type { OnBreakdown } from './options.ts'
import { type Batches, type BilevelProblem, type Hypergradient, upperGradients } from './problem.ts'
import { widened } from './vector.ts'

/** What a series gives for `H^-1 v`. */
export interface Solution {
  /** Left out for zero. */
  inverseProduct?: Tensor[]
  /** Norms, not relative ones: the first is ||v||. */
  residuals: number[]
  breakdown?: Breakdown
}

/** `H x`, H the matrix of second derivatives of the lower loss with respect to all lower parameters together. */
export type HessianProduct = (x: readonly Tensor[]) => Tensor[]

/**
 *     v             = grad_V upperLoss(V, M)
 *     hypergradient = grad_M upperLoss(V, M) - [ d2 lowerLoss / dM dV ] solve(v)          solve(v) for H^-1 v
 *
 * with one graph of the lower gradient for all products (anew per product where the batch is in parts). Vectors are
 * float32 at least; only inside a product are they of the parameters' type.
 *
 * @throws TorchError where a residual is not finite; on a breakdown with `onBreakdown: 'throw'`
 */
export function throughInverse<LowerBatch, UpperBatch>(
  method: string,
  problem: BilevelProblem<LowerBatch, UpperBatch>,
  { lowerBatch, upperBatch }: Batches<LowerBatch, UpperBatch>,
  onBreakdown: OnBreakdown,
  solve: (vector: Tensor[], hessian: HessianProduct) => Solution,
): Hypergradient {
  const { upperLoss, vector, direct } = upperGradients(problem, upperBatch)
  const { hessian, mixed } = lowerProducts(problem, lowerBatch)
  const likeParameters = (x: readonly Tensor[]) => x.map((part, i) => to(part, { dtype: vector[i]!.dtype }))
  const { inverseProduct, residuals, breakdown } = solve(widened(vector), x => widened(hessian(likeParameters(x))))

  const bad = residuals.findIndex(residual => !Number.isFinite(residual))
  if (bad >= 0) {
    const where = bad === 0 ? 'grad_V upperLoss' : `the residual of step ${bad}`
    throw notFinite(method, `${residuals[bad]} as the norm of ${where}`, { step: bad, residuals })
  }
  if (breakdown) reportBreakdown(problem, method, breakdown, onBreakdown)
  const start = residuals[0]! || 1
  const diagnostics = { residuals: residuals.map(residual => residual / start), ...(breakdown && { breakdown }) }
  if (!inverseProduct || (breakdown && onBreakdown === 'first-order'))
    return { gradients: direct, upperLoss, diagnostics }
  const implicit = mixed(likeParameters(inverseProduct))
  return { gradients: direct.map((g, i) => sub(g, implicit[i]!)), upperLoss, diagnostics }
}
