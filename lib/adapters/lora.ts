import { ShapeError } from '../errors.ts'
import { packedWeight } from '../nn/index.ts'
import { addmm_, linear, reshape, t } from '../ops/index.ts'
import { addon, type Tensor } from '../tensor/index.ts'
import { cast } from './norm.ts'

/** A linear layer with a low-rank addition to its weight. */
export interface LoraLayer {
  /** Pretrained weight, `[out, in]`. */
  weight: Tensor
  /** `[out]` */
  bias?: Tensor | null | undefined
  /** `[rank, in]` */
  loraA: Tensor
  /** `[out, rank]` */
  loraB: Tensor
  scaling: number
}

export interface LinearOptions {
  /** Applied to what goes into the low-rank path alone; the frozen path gets the input as it is. */
  dropout?: (x: Tensor) => Tensor
  /** The packed copy of the weight (`packWeight`), where the caller has one; float32 factors are assumed with it. */
  packed?: Tensor
}

/**
 *     y = x weight^T + b + s (dropout(x) loraA^T) loraB^T
 *
 * The product is added by the second multiplication itself, so that no other tensor of the size of the output is made,
 * forward or backward.
 *
 * @param x `[..., in]`
 * @returns `[..., out]`; under autocast in its type
 * @throws ShapeError where the tensors of the layer, or x, do not fit each other
 */
export function loraLinear(x: Tensor, layer: LoraLayer, options: LinearOptions = {}): Tensor {
  const { weight, bias, loraA, loraB, scaling } = layer
  const [out, width] = checkFactors('loraLinear', layer)
  const { shape } = x
  if (shape.at(-1) !== width) throw mismatch('loraLinear', `x of shape [..., ${width}]`, shape)

  if (x.ndim !== 2) {
    const y = loraLinear(reshape(x, [-1, width]), layer, options) // [tokens, out]
    return reshape(y, [...shape.slice(0, -1), out])
  }
  const { dropout } = options
  const input = dropout ? dropout(x) : x // [tokens, in]
  const isWide = loraA.dtype === 'float32' && loraB.dtype === 'float32'
  const packed = options.packed ?? (isWide ? packedWeight(x, weight, bias) : undefined)
  if (packed) return addon().loraLinear(x, dropout ? input : null, weight, packed, bias ?? null, loraA, loraB, scaling)
  const low = linear(input, cast(loraA, x.dtype)) // [tokens, rank]
  return addmm_(linear(x, weight, bias ?? undefined), low, t(cast(loraB, low.dtype)), { alpha: scaling }) // [tokens, out]
}

/**
 * Checks that weight and factors fit each other.
 *
 * @returns the weight's shape, `[out, in]`
 */
export function checkFactors(
  where: string,
  { weight, loraA, loraB }: Pick<LoraLayer, 'weight' | 'loraA' | 'loraB'>,
): [number, number] {
  const [out, width] = weight.shape
  if (weight.ndim !== 2) throw mismatch(where, 'a weight of shape [out, in]', weight.shape)
  if (loraA.ndim !== 2 || loraA.shape[1] !== width)
    throw mismatch(where, `loraA of shape [rank, ${width}]`, loraA.shape)
  const rank = loraA.shape[0]
  if (loraB.ndim !== 2 || loraB.shape[0] !== out || loraB.shape[1] !== rank)
    throw mismatch(where, `loraB of shape [${out}, ${rank}]`, loraB.shape)
  return [out!, width!]
}

export function mismatch(where: string, expected: string, got: readonly number[]): ShapeError {
  return new ShapeError(
    'ADAPTER_SHAPE',
    `${where}: expected ${expected}, got [${got.join(', ')}]; weights are stored [out, in]`,
    { expected, got },
  )
}
