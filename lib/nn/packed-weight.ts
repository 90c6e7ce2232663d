import { areFrozenProductsNarrow, constantOf, isAutocastEnabled, isForwardMode, isRecorded } from '../autograd/index.ts'
import { to } from '../ops/index.ts'
import { addon, type Tensor } from '../tensor/index.ts'

/** Whether products with a weight `[out, in]` can read a packed copy of it: float32, on a CPU that the kernels know. */
export function canPack(weight: Tensor): boolean {
  return addon().canPack(weight)
}

/** A copy of a weight `[out, in]` as the kernels of oneDNN read it, as large as the weight. */
export function packWeight(weight: Tensor): Tensor {
  return addon().packWeight(weight)
}

/**
 * x weight^T + bias from the packed weight, which has no gradient: libtorch's own `linear` packs its weight at every
 * product, which for a few rows is half of its time.
 *
 * @param x `[..., in]`
 * @param packed of `packWeight`, or the weight in bfloat16 for a product of that type
 * @returns `[..., out]`
 */
export function packedLinear(x: Tensor, weight: Tensor, packed: Tensor, bias?: Tensor | null): Tensor {
  return addon().frozenLinear(x, weight, packed, bias ?? null)
}

/**
 * The packed copy of a frozen weight that a training keeps, made once; half as large for products in bfloat16
 * (`narrowFrozenProducts`). None where products do not use one: without gradients (so that predictions need no more
 * memory unless they ask for it), for a weight that trains, in another type than float32, on another device, under
 * autocast and in forward mode.
 */
export function packedWeight(x: Tensor, weight: Tensor, bias?: Tensor | null): Tensor | undefined {
  if (!isRecorded() || weight.requiresGrad || bias?.requiresGrad || x.dtype !== 'float32') return undefined
  if (!canPack(weight) || isForwardMode() || isAutocastEnabled()) return undefined
  if (areFrozenProductsNarrow()) return constantOf(weight, 'bfloat16', () => to(weight, { dtype: 'bfloat16' }))
  return constantOf(weight, 'packed', () => packWeight(weight))
}
