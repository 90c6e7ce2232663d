import { areFrozenProductsNarrow, constantOf, isAutocastEnabled, isForwardMode, isRecorded } from '../autograd/index.ts'
import { linear, to } from '../ops/index.ts'
import { addon, type Tensor } from '../tensor/index.ts'

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
  if (packed) return addon().frozenLinear(x, weight, packed, bias ?? null)
  return bias ? linear(x, weight, bias) : linear(x, weight)
}

/**
 * A copy of a frozen weight as the kernels of oneDNN read it, made once; as large as the weight, and half of that for
 * products in bfloat16 (`narrowFrozenProducts`). None where products do not
 * use one: without gradients (so that predictions need no more memory), for a weight that trains, in another type than
 * float32, on another device, under autocast and in forward mode.
 */
export function packedWeight(x: Tensor, weight: Tensor, bias?: Tensor | null): Tensor | undefined {
  if (!isRecorded() || weight.requiresGrad || bias?.requiresGrad || x.dtype !== 'float32') return undefined
  if (!addon().canPack(weight) || isForwardMode() || isAutocastEnabled()) return undefined
  if (areFrozenProductsNarrow()) return constantOf(weight, 'bfloat16', () => to(weight, { dtype: 'bfloat16' }))
  return constantOf(weight, 'packed', () => addon().packWeight(weight))
}
