import { noGrad } from '../autograd/index.ts'
import { ShapeError } from '../errors.ts'
import { fill_, normal_, select, uniform_, zero_ } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'

// All draw from the environment's generator (manualSeed), in the order and by the arithmetic of torch.nn.init, so that a
// seed gives PyTorch's numbers on the CPU. On the 'meta' device nothing is drawn: such tensors have no memory yet.

/** Fills with one value. */
export function constant(tensor: Tensor, value: number): Tensor {
  return change(tensor, () => (value === 0 ? zero_(tensor) : fill_(tensor, value)))
}

/** Fills from the normal distribution. */
export function normal(tensor: Tensor, options: { mean?: number; std?: number } = {}): Tensor {
  return change(tensor, () => normal_(tensor, { mean: options.mean ?? 0, std: options.std ?? 1 }))
}

/** Fills from the uniform distribution on [from, to). */
export function uniform(tensor: Tensor, from: number, to: number): Tensor {
  return change(tensor, () => uniform_(tensor, { from, to }))
}

/**
 * Fills uniformly on [-b, b) with b = sqrt(3) * gain / sqrt(fanIn), gain = sqrt(2 / (1 + a^2)): He initialisation
 * ("Delving deep into rectifiers"), as torch.nn.init.kaiming_uniform_ with a leaky ReLU of slope `a`.
 */
export function kaimingUniform(tensor: Tensor, options: { a?: number } = {}): Tensor {
  const a = options.a ?? 0
  const gain = Math.sqrt(2 / (1 + a ** 2))
  const std = gain / Math.sqrt(fanIn(tensor))
  const bound = Math.sqrt(3) * std
  return uniform(tensor, -bound, bound)
}

/** Sets one row of a table to zero. */
export function zeroRow(table: Tensor, row: number): Tensor {
  return change(table, () => {
    const view = select(table, 0, row)
    zero_(view)
    view.dispose()
  })
}

/**
 * How many inputs feed one output: the size of dimension 1 times those after it, as of a weight [out, in].
 *
 * @throws ShapeError for a tensor of fewer than two dimensions or with no input.
 */
export function fanIn(tensor: Tensor): number {
  const count = tensor.ndim < 2 ? 0 : tensor.shape.slice(1).reduce((product, size) => product * size, 1)
  if (count > 0) return count
  throw new ShapeError(
    'SHAPE_MISMATCH',
    `fanIn: expected a weight [out, in] with an input, got [${tensor.shape.join(', ')}]`,
    {
      got: tensor.shape,
    },
  )
}

function change(tensor: Tensor, draw: () => unknown): Tensor {
  if (tensor.device !== 'meta') noGrad(draw)
  return tensor
}
