import { add, div, mul, neg, sqrt, stack, zerosLike } from '../ops/index.ts'
import { scope, type Tensor } from '../tensor/index.ts'
import { type Breakdown, notFinite } from './diagnostics.ts'
import { type HessianProduct, type Solution, throughInverse } from './inverse-product.ts'
import { checkNumber, checkOnBreakdown, type OnBreakdown } from './options.ts'
import type { Batches, BilevelProblem, Hypergradient } from './problem.ts'
import { dot, rounding } from './vector.ts'

export interface ConjugateGradientOptions {
  /** At most so many, each for one product with the Hessian; 10. */
  iterations?: number
  /** Added to every eigenvalue of the Hessian; 0. */
  damping?: number
  /** Stops once the residual's norm is at most this times ||v||; 0, which stops at rounding. */
  tolerance?: number
  /** What to do where the Hessian with its damping is not positive along a direction; 'keep'. */
  onBreakdown?: OnBreakdown
}

/**
 *     v                  = grad_V upperLoss(V, M)         x = 0,  r = p = v,  all lower parameters as one vector
 *     `iterations` times:  a = r.r / p.(H + damping I)p
 *                          x <- x + a p ;  r' = r - a (H + damping I)p ;  p <- r' + (r'.r' / r.r) p ;  r <- r'
 *     hypergradient      = grad_M upperLoss(V, M) - [ d2 lowerLoss / dM dV ] x
 *
 * (Hestenes and Stiefel 1952; Pedregosa 2016 for its use here.) Differs from leopard-ai/betty 0.2.1, whose second
 * direction is made of the old residual, and whose step away from 1 is not one of the method (`method.md` 4.3).
 *
 * Where p.(H + damping I)p <= 0 there is no minimum to go to: it stops, and 'keep' takes the x of before (zero at the
 * first iteration, so the direct gradient alone). A `damping` above minus the smallest eigenvalue prevents that.
 *
 * @throws ArgumentError where an option is out of its range
 */
export function conjugateGradient<LowerBatch, UpperBatch>(
  problem: BilevelProblem<LowerBatch, UpperBatch>,
  batches: Batches<LowerBatch, UpperBatch>,
  { iterations = 10, damping = 0, tolerance = 0, onBreakdown = 'keep' }: ConjugateGradientOptions,
): Hypergradient {
  const name = 'conjugate-gradient'
  checkNumber(name, 'iterations', iterations, { least: 1, integer: true }, 'each costs one product with the Hessian')
  checkNumber(name, 'damping', damping, { least: 0 }, 'it is added to every eigenvalue of the lower Hessian')
  checkNumber(name, 'tolerance', tolerance, { least: 0, below: 1 }, 'the residual to stop at, relative to ||v||')
  checkOnBreakdown(name, onBreakdown)
  const stopAt = Math.max(tolerance, rounding(problem.lowerParameters))
  return throughInverse(name, problem, batches, onBreakdown, (vector, hessian) =>
    solve(vector, damping === 0 ? hessian : damped(hessian, damping), iterations, stopAt),
  )
}

function damped(hessian: HessianProduct, damping: number): HessianProduct {
  return x => scope(() => hessian(x).map((part, i) => add(part, x[i]!, { alpha: damping })))
}

/** Everything that one iteration hands to the next; `rr` is r.r. */
interface State {
  x: Tensor[]
  r: Tensor[]
  p: Tensor[]
  rr: Tensor
}

function solve(vector: Tensor[], hessian: HessianProduct, iterations: number, stopAt: number): Solution {
  let state: State = { x: vector.map(part => zerosLike(part)), r: vector, p: vector, rr: dot(vector, vector) }
  const residuals = [Math.sqrt(state.rr.item() as number)] // sync
  for (let iteration = 1; iteration <= iterations && residuals.at(-1)! > stopAt * residuals[0]!; iteration++) {
    const { curvature, residual, next } = advance(state, hessian)
    if (!Number.isFinite(curvature))
      throw notFinite('conjugate-gradient', `${curvature} as p.Hp of iteration ${iteration}`, { iteration })
    if (curvature <= 0)
      return {
        ...(iteration > 1 && { inverseProduct: state.x }),
        residuals,
        breakdown: noCurvature(iteration, curvature),
      }
    for (const part of [...state.x, ...state.r, ...state.p, state.rr]) part.dispose()
    state = next
    residuals.push(residual)
  }
  return { inverseProduct: state.x, residuals }
}

/** One iteration. Its scalars stay on their device; what decides whether to go on is read at its end, in one piece. */
function advance({ x, r, p, rr }: State, hessian: HessianProduct) {
  return scope(() => {
    const product = hessian(p)
    const curvature = dot(p, product)
    const step = div(rr, curvature)
    const along = (list: Tensor[], by: Tensor[], factor: Tensor) =>
      list.map((part, i) => add(part, mul(by[i]!, factor)))
    const nextR = along(r, product, neg(step))
    const nextRR = dot(nextR, nextR)
    const next: State = { x: along(x, p, step), r: nextR, p: along(nextR, p, div(nextRR, rr)), rr: nextRR }
    const [p_Hp, residual] = stack([curvature, sqrt(nextRR)]).data() as Float64Array // sync
    return { curvature: p_Hp!, residual: residual!, next }
  })
}

function noCurvature(at: number, curvature: number): Breakdown {
  return {
    kind: 'no-curvature',
    at,
    message: `expected p.(H + damping I)p above 0, got ${curvature.toPrecision(4)} at iteration ${at}: the lower Hessian is not positive there; raise the damping above minus its smallest eigenvalue, or add curvature to the lower loss`,
  }
}
