import { grad } from '../autograd/grad.ts'
import { mixedProduct } from '../autograd/products.ts'
import { ArgumentError } from '../errors.ts'
import { zerosLike } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { type Accumulable, weightedSum } from './accumulation.ts'
import type { Diagnostics } from './diagnostics.ts'

/**
 * A problem of two levels, as plain data:
 *
 *     lower:  V*(M) = argmin_V  lowerLoss(V, M)
 *     upper:  min_M   upperLoss(V*(M), M)
 *
 * V are `lowerParameters`, M `upperParameters`: leaf tensors that require a gradient. A loss takes a batch of any kind
 * and gives a scalar tensor made of the parameters' present values.
 */
export interface BilevelProblem<LowerBatch = unknown, UpperBatch = LowerBatch> {
  lowerLoss(batch: LowerBatch): Tensor
  upperLoss(batch: UpperBatch): Tensor
  /**
   * `lowerLoss` without terms that do not contain the upper parameters, drawing the same random numbers: all that is
   * wanted of it where it is differentiated by M, and cheaper where such a term (a regulariser of V) is dear. Left out,
   * `lowerLoss` is taken there too. Products with the lower Hessian are always those of `lowerLoss`.
   */
  coupledLoss?(batch: LowerBatch): Tensor
  lowerParameters: readonly Tensor[]
  upperParameters: readonly Tensor[]
  /**
   * Whether both ends of a finite difference draw dropout masks of their own, as Betty has it, whose noise is then divided
   * by 2 epsilon; left out, one hypergradient has one mask.
   */
  freshMasks?: boolean
  /** What an error calls the upper parameters; their place in the list where this is left out. */
  upperNames?: readonly string[]
}

/** The two batches that one hypergradient is made of. */
export interface Batches<LowerBatch, UpperBatch> {
  /** The batch of the lower step just taken (`method.md` 1.3, point 3), or a sample of it. */
  lowerBatch: Accumulable<LowerBatch>
  upperBatch: Accumulable<UpperBatch>
}

/** Both batches as one method wants them: `unrolled` with `steps` an array of lower ones, all others one. */
export interface MethodBatches<LowerBatch, UpperBatch> {
  lowerBatch: Accumulable<LowerBatch> | readonly Accumulable<LowerBatch>[]
  upperBatch: Accumulable<UpperBatch>
}

/** What every method gives: the hypergradient, one tensor per upper parameter, and the upper loss it was made from. */
export interface Hypergradient {
  gradients: Tensor[]
  upperLoss: Tensor
  /** Of the methods that make a series for the inverse Hessian: how it went. */
  diagnostics?: Diagnostics
}

/** Every method of the table is one function of this type; methods differ only inside their file. */
export type HypergradientMethod<Options extends object> = <LowerBatch, UpperBatch>(
  problem: BilevelProblem<LowerBatch, UpperBatch>,
  batches: Batches<LowerBatch, UpperBatch>,
  options: Options,
) => Hypergradient

/**
 * Checks the two lists of parameters.
 *
 * @throws ArgumentError where a list is empty, a parameter cannot have a gradient, or one stands twice.
 */
export function checkProblem(where: string, problem: BilevelProblem<never, never>): void {
  const seen = new Set<Tensor>()
  for (const level of ['lowerParameters', 'upperParameters'] as const) {
    if (problem[level].length === 0) {
      throw new ArgumentError(
        'BILEVEL_EMPTY',
        `${where}: expected at least one tensor in ${level}, got none; give the level its parameters`,
        { level },
      )
    }
    problem[level].forEach((parameter, index) => {
      const fault =
        !parameter.requiresGrad || !parameter.isLeaf
          ? 'is no leaf that requires a gradient; set its requiresGrad to true'
          : seen.has(parameter)
            ? 'stands twice; every parameter has one level'
            : undefined
      if (fault !== undefined)
        throw new ArgumentError('BILEVEL_PARAMETER', `${where}: ${level}[${index}] ${fault}`, { level, index })
      seen.add(parameter)
    })
  }
}

/** Which of the losses; `coupledLoss` only by `coupledName`. */
export type LossName = 'lowerLoss' | 'upperLoss' | 'coupledLoss'
type HasLoss<Name extends LossName, Batch> = { readonly [N in Name]?: (batch: Batch) => Tensor }

/** The loss to differentiate by the upper parameters, at the lower level. */
export function coupledName({ coupledLoss }: BilevelProblem<never, never>): 'lowerLoss' | 'coupledLoss' {
  return coupledLoss ? 'coupledLoss' : 'lowerLoss'
}

/**
 * Evaluates one of the losses on one plain batch. Methods go through the functions below it, which take a batch
 * in parts too.
 *
 * @throws ArgumentError where it is no scalar or depends on no parameter.
 */
export function evaluate<Name extends LossName, Batch>(
  problem: HasLoss<Name, Batch>,
  name: Name,
  batch: Batch,
): Tensor {
  const value = problem[name]!(batch)
  if (value.numel !== 1) {
    throw new ArgumentError(
      'BILEVEL_LOSS_SHAPE',
      `${name}: expected a scalar, got shape [${value.shape.join(', ')}]; take the mean or the sum`,
      { loss: name, shape: value.shape },
    )
  }
  if (!value.requiresGrad) {
    throw new ArgumentError(
      'BILEVEL_LOSS_DETACHED',
      `${name}: expected a loss made of the parameters, got one that depends on none of them; compute it outside noGrad`,
      { loss: name },
    )
  }
  return value
}

/** Gradients of a loss; a parameter that the loss does not use gets zeros. */
export function gradientsOf(loss: Tensor, parameters: readonly Tensor[]): Tensor[] {
  const gradients = grad(loss, [...parameters], { allowUnused: true })
  return parameters.map((parameter, index) => gradients[index] ?? zerosLike(parameter))
}

/** One of the losses (its value, without a graph) and its gradients, from one traversal of each part's graph. */
export function lossGradients<Name extends LossName, Batch>(
  problem: HasLoss<Name, Batch>,
  name: Name,
  batch: Accumulable<Batch>,
  parameters: readonly Tensor[],
): { loss: Tensor; gradients: Tensor[] } {
  const [loss, ...gradients] = weightedSum(batch, part => {
    const value = evaluate(problem, name, part)
    return [value.detach(), ...gradientsOf(value, parameters)]
  })
  return { loss: loss!, gradients }
}

/**
 * The upper loss with its gradients for both levels, from one traversal of its graph: `vector` for the lower
 * parameters (`v` of the formulas), `direct` for the upper ones.
 */
export function upperGradients<UpperBatch>(
  problem: BilevelProblem<never, UpperBatch>,
  upperBatch: Accumulable<UpperBatch>,
): { upperLoss: Tensor; vector: Tensor[]; direct: Tensor[] } {
  const { lowerParameters, upperParameters } = problem
  const { loss, gradients } = lossGradients(problem, 'upperLoss', upperBatch, [...lowerParameters, ...upperParameters])
  return {
    upperLoss: loss,
    vector: gradients.slice(0, lowerParameters.length),
    direct: gradients.slice(lowerParameters.length),
  }
}

/** `[ d2 lowerLoss / dothers dV ] vector` by double backward, one tensor for each of `others`. */
export function lowerMixedProduct<LowerBatch>(
  problem: BilevelProblem<LowerBatch, never>,
  lowerBatch: Accumulable<LowerBatch>,
  others: readonly Tensor[],
  vector: readonly Tensor[],
): Tensor[] {
  const { lowerParameters, upperParameters } = problem
  // Where M's part alone is wanted, terms without M give it nothing.
  const name = others === upperParameters ? coupledName(problem) : 'lowerLoss'
  return weightedSum(lowerBatch, part => mixedProduct(evaluate(problem, name, part), lowerParameters, others, vector))
}
