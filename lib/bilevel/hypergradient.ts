import { ArgumentError, type TorchError } from '../errors.ts'
import { scope, type Tensor } from '../tensor/index.ts'
import type { Accumulable } from './accumulation.ts'
import { conjugateGradient } from './conjugate-gradient.ts'
import { type Diagnostics, notFinite } from './diagnostics.ts'
import { exact } from './exact.ts'
import { finiteDifference } from './finite-difference.ts'
import { firstOrder } from './first-order.ts'
import { neumann } from './neumann.ts'
import {
  type Batches,
  type BilevelProblem,
  checkProblem,
  type Hypergradient,
  type HypergradientMethod,
  type MethodBatches,
} from './problem.ts'
import { sama } from './sama.ts'
import { unrolled } from './unrolled.ts'
import { norm } from './vector.ts'

/** The one table: a method's name and its function. Options are the function's own. */
const methods = {
  'first-order': firstOrder,
  'finite-difference': finiteDifference,
  exact,
  neumann,
  'conjugate-gradient': conjugateGradient,
  unrolled,
  sama,
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

/** Batches, the method's name and its own options. Only `unrolled` with `steps` takes an array: a batch for each step. */
export type HypergradientOptions<LowerBatch, UpperBatch> = {
  upperBatch: Accumulable<UpperBatch>
  /** Gets how the series of `neumann` or `conjugate-gradient` went. */
  onDiagnostics?: (diagnostics: Diagnostics) => void
} & (
  | ({ lowerBatch: Accumulable<LowerBatch> } & MethodChoice)
  | ({ lowerBatch: readonly Accumulable<LowerBatch>[]; steps: number } & Extract<MethodChoice, { method: 'unrolled' }>)
)

/**
 * The gradient of the upper loss with respect to the upper parameters, through the lower level's solution, at the
 * parameters' present values.
 *
 * @param problem the two losses and the two lists of parameters
 * @param options both batches (plain, or `accumulated`), the method's name and its own options
 * @returns one tensor per upper parameter, of its shape
 * @throws ArgumentError where the problem, the method or an option is not what it should be
 * @throws TorchError where a gradient is not finite, or a series breaks down with `onBreakdown` 'throw'
 *
 * @example
 * const gradients = hypergradient(problem, { lowerBatch, upperBatch, method: 'finite-difference', radius: 0.01 })
 */
export function hypergradient<LowerBatch, UpperBatch>(
  problem: BilevelProblem<LowerBatch, UpperBatch>,
  options: HypergradientOptions<NoInfer<LowerBatch>, NoInfer<UpperBatch>>,
): Tensor[] {
  const { lowerBatch, upperBatch, onDiagnostics, ...choice } = options
  return scope(() => {
    const result = upperStepGradients(problem, { lowerBatch, upperBatch }, choice as MethodChoice)
    if (result.diagnostics) onDiagnostics?.(result.diagnostics)
    return result.gradients
  })
}

/**
 * The hypergradient with what `step` reports beside it: the upper loss, the hypergradient's norm (float64), and the
 * diagnostics of a method that has some.
 */
export function upperStepGradients<LowerBatch, UpperBatch>(
  problem: BilevelProblem<LowerBatch, UpperBatch>,
  batches: MethodBatches<LowerBatch, UpperBatch>,
  choice: MethodChoice,
): Hypergradient & { hypergradientNorm: Tensor } {
  checkProblem('hypergradient', problem)
  const { method, ...options } = choice
  if (!Object.hasOwn(methods, method)) {
    throw new ArgumentError(
      'BILEVEL_METHOD',
      `hypergradient: expected a method out of ${METHOD_NAMES.join(', ')}, got '${method}'`,
      { method, allowed: METHOD_NAMES },
    )
  }
  // The pairs of names and options are right by MethodChoice; the compiler loses them here.
  const run = methods[method] as HypergradientMethod<object>
  return scope(() => withNorm(problem, method, run(problem, batches as Batches<LowerBatch, UpperBatch>, options)))
}

/**
 * A hypergradient with its norm.
 *
 * @throws TorchError where it is not finite, naming the parameter or the loss
 */
export function withNorm(
  problem: BilevelProblem<never, never>,
  method: string,
  result: Hypergradient,
): Hypergradient & { hypergradientNorm: Tensor } {
  const hypergradientNorm = norm(result.gradients)
  if (!Number.isFinite(hypergradientNorm.item())) throw whatIsNotFinite(problem, method, result) // sync
  return { ...result, hypergradientNorm }
}

function whatIsNotFinite(
  problem: BilevelProblem<never, never>,
  method: string,
  { gradients, upperLoss }: Hypergradient,
): TorchError {
  const loss = upperLoss.item()
  const bad = gradients.flatMap((gradient, i) =>
    Number.isFinite(norm([gradient]).item()) ? [] : [problem.upperNames?.[i] ?? `upperParameters[${i}]`],
  )
  const what = Number.isFinite(loss)
    ? `the gradient of ${bad.join(', ')} is not finite (upperLoss ${loss})`
    : `upperLoss is ${loss}`
  return notFinite(method, what, { upperLoss: loss, parameters: bad })
}
