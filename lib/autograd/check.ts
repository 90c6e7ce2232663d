import { ArgumentError, TorchError } from '../errors.ts'
import { zerosLike } from '../ops/index.ts'
import { scope, type Tensor, tensor } from '../tensor/index.ts'
import { grad } from './grad.ts'
import { vectorJacobian } from './products.ts'

/** A function of tensors to tensors, made of differentiable operations only. */
export type Differentiable = (...inputs: Tensor[]) => Tensor | readonly Tensor[]

export interface CheckOptions {
  /** Step of the central difference. */
  epsilon?: number
  absolute?: number
  relative?: number
}

/**
 * Compares the gradients that autograd gives with central differences, entry by entry of the whole Jacobian.
 *
 * @param inputs float64 tensors; those that require a gradient are varied
 * @throws ArgumentError where an input is not float64 or none requires a gradient
 * @throws TorchError where an entry differs, or is not finite, naming output, input and entry
 *
 * @example
 * gradcheck(x => x.mul(x), [tensor([1, 2], { dtype: 'float64', requiresGrad: true })])
 */
export function gradcheck(compute: Differentiable, inputs: readonly Tensor[], options: CheckOptions = {}): void {
  const { epsilon = 1e-6, absolute = 1e-7, relative = 1e-5 } = options
  checkInputs(inputs)
  const points = inputs.map(input => input.data() as Float64Array)
  const varied = inputs.map((_, i) => i).filter(i => inputs[i]!.requiresGrad)

  const analytic = scope(() => jacobian(compute, inputs, points, varied))
  for (const i of varied) {
    for (let entry = 0; entry < points[i]!.length; entry++) {
      const above = valuesAt(compute, inputs, points, i, entry, epsilon)
      const below = valuesAt(compute, inputs, points, i, entry, -epsilon)
      above.forEach((values, output) => {
        values.forEach((value, row) => {
          const expected = (value - below[output]![row]!) / (2 * epsilon)
          const got = analytic[output]![row]![varied.indexOf(i)]![entry]!
          if (Math.abs(got - expected) <= absolute + relative * Math.abs(expected)) return // false for NaN
          throw new TorchError(
            'GRADIENT_MISMATCH',
            `gradcheck: expected d output ${output} [${row}] / d input ${i} [${entry}] to be ${expected} (central difference), got ${got} from autograd`,
            { output, row, input: i, entry, expected, got },
          )
        })
      })
    }
  }
}

/**
 * Compares second derivatives with central differences of first ones: `gradcheck` of the function that gives the
 * gradients, as a function of the inputs and of the vectors that are multiplied with the Jacobian from the left.
 *
 * @throws as `gradcheck`
 */
export function gradgradcheck(compute: Differentiable, inputs: readonly Tensor[], options: CheckOptions = {}): void {
  checkInputs(inputs)
  const shapes = scope(() => outputsOf(compute, inputs).map(output => output.shape))
  // Fixed vectors with no symmetry, so that a transposed or dropped term shows.
  const vectors = shapes.map((shape, output) => {
    const data = Float64Array.from({ length: shape.reduce((product, size) => product * size, 1) }, (_, i) =>
      Math.sin(1 + output + 1.7 * i),
    )
    return tensor(data, { shape, requiresGrad: true })
  })
  try {
    gradcheck(
      (...all) => {
        const here = all.slice(0, inputs.length)
        const varied = here.filter(input => input.requiresGrad)
        return vectorJacobian(outputsOf(compute, here), varied, all.slice(inputs.length), { createGraph: true })
      },
      [...inputs, ...vectors],
      options,
    )
  } finally {
    for (const vector of vectors) vector.dispose()
  }
}

function checkInputs(inputs: readonly Tensor[]): void {
  const bad = inputs.find(input => input.dtype !== 'float64')
  if (bad)
    throw new ArgumentError(
      'GRADCHECK_DTYPE',
      `gradcheck: expected float64 tensors, got ${bad.dtype}; central differences need the precision`,
      { dtype: bad.dtype },
    )
  if (!inputs.some(input => input.requiresGrad))
    throw new ArgumentError('GRADCHECK_INPUT', 'gradcheck: expected an input that requires a gradient, got none')
}

function outputsOf(compute: Differentiable, inputs: readonly Tensor[]): readonly Tensor[] {
  const result = compute(...inputs)
  return Array.isArray(result) ? (result as readonly Tensor[]) : [result as Tensor]
}

/** Copies of the inputs, leaves of their own, with one entry moved where an offset is given. */
function copiesAt(
  inputs: readonly Tensor[],
  points: readonly Float64Array[],
  which = -1,
  entry = 0,
  offset = 0,
): Tensor[] {
  return inputs.map(({ shape, requiresGrad, device }, i) => {
    const data = points[i]!.slice()
    if (i === which) data[entry]! += offset
    return tensor(data, { shape, requiresGrad, device })
  })
}

function valuesAt(
  compute: Differentiable,
  inputs: readonly Tensor[],
  points: readonly Float64Array[],
  which: number,
  entry: number,
  offset: number,
): Float64Array[] {
  return scope(() =>
    outputsOf(compute, copiesAt(inputs, points, which, entry, offset)).map(output => output.data() as Float64Array),
  )
}

/** Indexed by output, by its entry (row), by varied input, by its entry. */
function jacobian(
  compute: Differentiable,
  inputs: readonly Tensor[],
  points: readonly Float64Array[],
  varied: readonly number[],
): Float64Array[][][] {
  const leaves = copiesAt(inputs, points)
  const wanted = varied.map(i => leaves[i]!)
  return outputsOf(compute, leaves).map(output =>
    Array.from({ length: output.numel }, (_, row) =>
      scope(() => {
        const pick = new Float64Array(output.numel)
        pick[row] = 1
        const gradients = output.requiresGrad
          ? grad([output], wanted, {
              gradOutputs: [tensor(pick, { shape: output.shape, device: output.device })],
              retainGraph: true,
              allowUnused: true,
            })
          : wanted.map(() => null)
        return wanted.map((leaf, i) => (gradients[i] ?? zerosLike(leaf)).data() as Float64Array)
      }),
    ),
  )
}
