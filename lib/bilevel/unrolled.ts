import { noGrad } from '../autograd/mode.ts'
import { vectorJacobian } from '../autograd/products.ts'
import { add } from '../ops/index.ts'
import { scope, type Tensor } from '../tensor/index.ts'
import type { Accumulable } from './accumulation.ts'
import { atPoints } from './at-points.ts'
import {
  type BilevelProblem,
  type Hypergradient,
  lossGradients,
  lowerMixedProduct,
  type MethodBatches,
  upperGradients,
} from './problem.ts'
import { rememberRandomState } from './random.ts'
import {
  checkUnrolled,
  type DifferentiableUpdate,
  leafOf,
  mapState,
  tensorsOf,
  type UnrolledOptions,
  type UpdateState,
} from './unrolled-options.ts'

/** What one step started from. */
interface Step<LowerBatch> {
  batch: Accumulable<LowerBatch>
  parameters: readonly Tensor[]
  gradients: readonly Tensor[]
  state: UpdateState
  goBack: () => void
}

/**
 *     V_0           = V ;  s_0 = the optimizer's state
 *     K times:        (V_k+1, s_k+1) = update(V_k, grad_V lowerLoss(V_k, M; batch_k), s_k)      K = steps, or 1
 *     hypergradient = d upperLoss(V_K(M), M) / dM                                      the true derivative
 *
 * from the present point, which is put back afterwards. `update` is V - learningRate gradient, or what the option gives.
 * Backwards, with a = grad_V upperLoss(V_K, M), b = 0, and h = grad_M upperLoss(V_K, M):
 *
 *     k = K-1..0:  (a, g, b, h') = (a, b) times the Jacobian of update by V_k, its gradient, s_k, and M
 *                  a <- a + [ d2 lowerLoss / dV dV ](V_k) g ;  h <- h + h' + [ d2 lowerLoss / dM dV ](V_k) g
 *
 * (Maclaurin et al. 2015; Franceschi et al. 2017, reverse mode.) One step's graph lives at a time; of the others only
 * their parameters, gradients and state are kept. Every step draws its own dropout masks, as real steps do, and draws
 * them again on the way back. An `update` may use upper parameters: learned learning rates get their gradient too.
 *
 * @throws ArgumentError where an option is out of its range, or `lowerBatch` is no array of `steps` batches
 */
export function unrolled<LowerBatch, UpperBatch>(
  problem: BilevelProblem<LowerBatch, UpperBatch>,
  { lowerBatch, upperBatch }: MethodBatches<LowerBatch, UpperBatch>,
  options: UnrolledOptions,
): Hypergradient {
  const { update, optimizerState, batches } = checkUnrolled(lowerBatch, options)
  const { lowerParameters } = problem
  return atPoints(lowerParameters, (start, moveTo) => {
    const steps: Step<LowerBatch>[] = []
    let next = { parameters: start as readonly Tensor[], state: optimizerState }
    for (const batch of batches) {
      const goBack = rememberRandomState(lowerParameters)
      const { gradients } = lossGradients(problem, 'lowerLoss', batch, lowerParameters)
      steps.push({ batch, ...next, gradients, goBack })
      next = noGrad(() => scope(() => update(next.parameters, gradients, next.state)))
      moveTo(next.parameters)
    }
    const { upperLoss, vector, direct } = upperGradients(problem, upperBatch)
    const goForward = rememberRandomState(lowerParameters)
    let carried: Carried = { parameters: vector, state: [], hypergradient: direct }
    for (const [index, step] of [...steps.entries()].reverse()) {
      step.goBack()
      moveTo(step.parameters)
      carried = scope(() => stepBack(problem, update, step, carried, index === 0))
    }
    goForward()
    return { gradients: carried.hypergradient, upperLoss }
  })
}

/** a, b and h of the formula. */
interface Carried {
  parameters: Tensor[]
  /** Empty for zero. */
  state: Tensor[]
  hypergradient: Tensor[]
}

function stepBack<LowerBatch>(
  problem: BilevelProblem<LowerBatch, never>,
  update: DifferentiableUpdate,
  { batch, ...from }: Step<LowerBatch>,
  after: Carried,
  isFirst: boolean,
): Carried {
  const { lowerParameters, upperParameters } = problem
  const [parameters, gradients, state] = [
    from.parameters.map(leafOf),
    from.gradients.map(leafOf),
    mapState(from.state, leafOf),
  ]
  const result = update(parameters, gradients, state)
  const outputs = [...result.parameters, ...(after.state.length > 0 ? tensorsOf(result.state) : [])]
  const inputs = [parameters, gradients, tensorsOf(state), upperParameters]
  const products = vectorJacobian(outputs, inputs.flat(), [...after.parameters, ...after.state])
  const [a, g, b, h] = inputs.map(list => products.splice(0, list.length)) as [Tensor[], Tensor[], Tensor[], Tensor[]]

  // Before the first step nothing depends on M, so that only M's part is wanted there.
  const others = isFirst ? upperParameters : [...lowerParameters, ...upperParameters]
  const second = lowerMixedProduct(problem, batch, others, g)
  const ofLower = isFirst ? [] : second.splice(0, lowerParameters.length)
  return {
    parameters: ofLower.map((product, i) => add(a[i]!, product)),
    state: b,
    hypergradient: after.hypergradient.map((value, i) => add(add(value, h[i]!), second[i]!)),
  }
}
