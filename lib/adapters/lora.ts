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
export function loraLinear(x: Tensor, layer: LoraLayer, { dropout }: LinearOptions = {}): Tensor {
  const { weight, bias, loraA, loraB, scaling } = layer
  const [out, width] = checkFactors('loraLinear', layer)
  const { shape } = x
  if (shape.at(-1) !== width) throw mismatch('loraLinear', `x of shape [..., ${width}]`, shape)

  const flat = reshape(x, [-1, width]) // [tokens, in]
  const input = dropout ? dropout(flat) : flat
  const packed = loraA.dtype === 'float32' && loraB.dtype === 'float32' ? packedWeight(flat, weight, bias) : undefined
  if (packed) {
    const y = addon().loraLinear(flat, dropout ? input : null, weight, packed, bias ?? null, loraA, loraB, scaling)
    return reshape(y, [...shape.slice(0, -1), out])
  }
  const low = linear(input, cast(loraA, x.dtype)) // [tokens, rank]
  const y = addmm_(linear(flat, weight, bias ?? undefined), low, t(cast(loraB, low.dtype)), { alpha: scaling }) // [tokens, out]
  return reshape(y, [...shape.slice(0, -1), out]) // [..., out]
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
