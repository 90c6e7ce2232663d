import { ArgumentError, TorchError } from '../errors.ts'
import { scope, type Tensor } from '../tensor/index.ts'
import { exact } from './exact.ts'
import { finiteDifference } from './finite-difference.ts'
import { firstOrder } from './first-order.ts'
import {
  type Batches,
  type BilevelProblem,
  checkProblem,
  type Hypergradient,
  type HypergradientMethod,
} from './problem.ts'
import { norm } from './vector.ts'

/** The one table: a method's name and its function. Options are the function's own. */
const methods = {
  'first-order': firstOrder,
  'finite-difference': finiteDifference,
  exact,
} as const satisfies Record<string, HypergradientMethod<never>>

type Methods = typeof methods
/** Name of a hypergradient method. */
export type MethodName = keyof Methods
type OptionsOf<Name extends MethodName> =
  Parameters<Methods[Name]> extends [unknown, unknown, infer Options] ? Options : object

/** A method with its own options: `{ method: 'finite-difference', radius: 0.01 }`. */
export type MethodChoice = { [Name in MethodName]: { method: Name } & OptionsOf<Name> }[MethodName]

/** The names that `method` may have. */
export const METHOD_NAMES = Object.keys(methods) as MethodName[]

/**
 * The gradient of the upper loss with respect to the upper parameters, through the lower level's solution, at the
 * parameters' present values.
 *
 * @param problem the two losses and the two lists of parameters
 * @param options both batches, the method's name and its own options
 * @returns one tensor per upper parameter, of its shape
 * @throws ArgumentError where the problem, the method or an option is not what it should be
 * @throws TorchError where the upper loss or a gradient is not finite
 *
 * @example
 * const gradients = hypergradient(problem, { lowerBatch, upperBatch, method: 'finite-difference', radius: 0.01 })
 */
export function hypergradient<LowerBatch, UpperBatch>(
  problem: BilevelProblem<LowerBatch, UpperBatch>,
  options: Batches<LowerBatch, UpperBatch> & MethodChoice,
): Tensor[] {
  const { lowerBatch, upperBatch, ...choice } = options
  return scope(() => upperStepGradients(problem, { lowerBatch, upperBatch }, choice as MethodChoice).gradients)
}

/** The hypergradient with what `step` reports beside it: the upper loss and the hypergradient's norm (float64). */
export function upperStepGradients<LowerBatch, UpperBatch>(
  problem: BilevelProblem<LowerBatch, UpperBatch>,
  batches: Batches<LowerBatch, UpperBatch>,
  choice: MethodChoice,
): Hypergradient & { hypergradientNorm: Tensor } {
  checkProblem('hypergradient', problem)
  if (!Object.hasOwn(methods, choice.method)) {
    throw new ArgumentError(
      'BILEVEL_METHOD',
      `hypergradient: expected a method out of ${METHOD_NAMES.join(', ')}, got '${choice.method}'`,
      {
        method: choice.method,
        allowed: METHOD_NAMES,
      },
    )
  }
  const { method, ...options } = choice
  return scope(() => {
    const result = methods[method](problem, batches, options)
    const hypergradientNorm = norm(result.gradients)
    if (!Number.isFinite(hypergradientNorm.item())) throw notFinite(problem, method, result) // sync
    return { ...result, hypergradientNorm }
  })
}

function notFinite(
  problem: BilevelProblem<never, never>,
  method: MethodName,
  { gradients, upperLoss }: Hypergradient,
): TorchError {
  const loss = upperLoss.item()
  const bad = gradients.flatMap((gradient, i) =>
    Number.isFinite(norm([gradient]).item()) ? [] : [problem.upperNames?.[i] ?? `upperParameters[${i}]`],
  )
  const what = Number.isFinite(loss)
    ? `the gradient of ${bad.join(', ')} is not finite (upperLoss ${loss})`
    : `upperLoss is ${loss}`
  return new TorchError(
    'HYPERGRADIENT_NOT_FINITE',
    `hypergradient: expected finite numbers, got ${what} with method '${method}'; lower the learning rates or look for a faulty batch`,
    {
      method,
      upperLoss: loss,
      parameters: bad,
    },
  )
}
