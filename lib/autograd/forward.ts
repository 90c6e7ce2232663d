import { ArgumentError, ShapeError } from '../errors.ts'
import { zerosLike } from '../ops/index.ts'
import { addon, isFloating, scope, Tensor } from '../tensor/index.ts'

/** What `jvp` gives, one entry for each tensor that the function returned. */
export interface JvpResult {
  values: Tensor[]
  /** J times the tangents, each of its value's shape; zeros where a value does not depend on the primals. */
  tangents: Tensor[]
}

/**
 * J t: how the tensors that `fn` returns change as the primals move along their tangents, by forward mode (libtorch's
 * dual numbers). `fn` is called once, and each primal carries its tangent while it runs, so that a closure that reads
 * the primals works as well as their being its arguments.
 *
 * It is the derivative of the same function that `grad` differentiates. What is no part of the graph there is a
 * constant here: what `noGrad` or `detach` made, and integers. `grad` may be called inside `fn`: its results carry
 * tangents, which are products with second derivatives.
 *
 * What would be wrong without a sign of it is refused: reading a value on the host, a call of `jvp` inside `fn`, an
 * integer as a result. A graph made of the primals before the call has no tangent: compute it inside `fn`.
 *
 * Threads take turns: libtorch has one forward mode for the process.
 *
 * @param fn synchronous
 * @param primals floating tensors, each once
 * @param tangents one per primal, of its shape, dtype and device
 * @throws ArgumentError for what is refused, ShapeError where tangents do not match the primals
 * @throws TorchError (code NO_FORWARD_DERIVATIVE) for an operator without a derivative in forward mode, naming it
 *
 * @example
 * const { values, tangents } = jvp(x => x.mul(x), [tensor([1, 2])], [tensor([1, 0])]) // [1, 4] and [2, 0]
 */
export function jvp(
  fn: (...primals: Tensor[]) => Tensor | readonly Tensor[],
  primals: readonly Tensor[],
  tangents: readonly Tensor[],
): JvpResult {
  if (isForwardMode()) {
    throw new ArgumentError(
      'JVP_NESTED',
      'jvp: expected a call outside forward mode, got one inside the function of another jvp; call grad inside it for second derivatives',
    )
  }
  checkTangents(primals, tangents)
  return scope(() => {
    let values: Tensor[] = []
    const found = addon().forwardMode(primals, tangents, () => (values = outputsOf(fn(...primals))))
    return { values, tangents: values.map((value, i) => found[i] ?? zerosLike(value)) }
  })
}

/** Whether the function of a `jvp` is running on this thread. */
export function isForwardMode(): boolean {
  return addon().isForwardMode()
}

/** Whether `jvp` differentiates what is computed of this tensor; false for a constant, and always in `noGrad`. */
export function hasTangent(tensor: Tensor): boolean {
  return addon().hasTangent(tensor)
}

/**
 * Inside the function of a `jvp`: whether the graph of a tensor leads to one of the leaves through a part that was made
 * before the call. Such a part has a gradient but no tangent.
 *
 * @param leaves primals that are leaves of the graph
 */
export function madeBefore(output: Tensor, leaves: readonly Tensor[]): boolean {
  return addon().madeBefore(output, leaves)
}

function outputsOf(result: unknown): Tensor[] {
  if (result instanceof Promise) {
    result.catch(() => {})
    throw new ArgumentError('ASYNC_MODE', 'jvp: expected a synchronous function, got one that returns a promise')
  }
  const values: unknown[] = Array.isArray(result) ? result : [result]
  values.forEach((value, index) => {
    if (value instanceof Tensor && isFloating(value.dtype)) return
    const got = value instanceof Tensor ? `a tensor of ${value.dtype}` : typeof value
    throw new ArgumentError(
      'JVP_OUTPUT',
      `jvp: expected floating tensors from the function, got ${got} at place ${index}; only these have a tangent`,
      { index },
    )
  })
  return values as Tensor[]
}

function checkTangents(primals: readonly Tensor[], tangents: readonly Tensor[]): void {
  const describe = ({ shape, dtype, device }: Tensor) => `[${shape.join(', ')}] ${dtype} ${device}`
  if (primals.length !== tangents.length) {
    throw new ShapeError(
      'JVP_TANGENT',
      `jvp: expected one tangent for each of ${primals.length} primals, got ${tangents.length}`,
      { expected: primals.length, got: tangents.length },
    )
  }
  primals.forEach((primal, index) => {
    if (!isFloating(primal.dtype) || primals.indexOf(primal) !== index) {
      const got = isFloating(primal.dtype) ? 'one that stands twice' : primal.dtype
      throw new ArgumentError('JVP_PRIMAL', `jvp: expected floating tensors, each once, got ${got} at place ${index}`, {
        index,
      })
    }
    const [expected, got] = [describe(primal), describe(tangents[index]!)]
    if (expected === got) return
    throw new ShapeError('JVP_TANGENT', `jvp: expected a tangent of ${expected} at place ${index}, got ${got}`, {
      index,
      expected: primal.shape,
      got: tangents[index]!.shape,
    })
  })
}
