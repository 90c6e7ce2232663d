import { addon, keep, type Tensor } from '../tensor/index.ts'

/** Below this, a product costs no more than the call. */
const leastFeatures = 64

/** Whether a weight `[out, in]` can be packed: float32 on a CPU that the kernels know, and large enough to gain by it. */
export function canPack(weight: Tensor): boolean {
  if (weight.device !== 'cpu' || weight.dtype !== 'float32') return false
  return Math.min(...weight.shape) >= leastFeatures && addon().canPack(weight)
}

/** A copy of a weight `[out, in]` in the order in which the kernels read it, which lives until it is disposed. */
export function packWeight(weight: Tensor): Tensor {
  return keep(addon().packWeight(weight))
}

/**
 * x weight^T + bias, from the packed weight: libtorch's own `linear` packs its weight at every product, which for a few rows
 * is half of its time.
 *
 * @param x `[..., in]`
 * @returns `[..., out]`
 */
export function packedProduct(x: Tensor, weight: Tensor, packed: Tensor, bias: Tensor | null): Tensor {
  return addon().frozenLinear(x, weight, packed, bias)
}
