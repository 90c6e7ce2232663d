import { autocast } from '../autograd/autocast.ts'
import { addcmul, addmm, mul, unsqueeze } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { checkFactors, type LinearOptions, type LoraLayer, loraLinear, mismatch } from './lora.ts'
import { cast, type DirectionLayer, gainOf, wideType } from './norm.ts'

/** A linear layer whose weight is split into magnitude and direction. */
export interface BidoraLayer extends DirectionLayer, LoraLayer {
  /** `[out]` with axis 'out', `[in]` with axis 'in'. */
  magnitude: Tensor
}

export interface BidoraOptions extends LinearOptions {
  /** `magnitude / ||V||` of every line, where the caller knows it: with constant parameters it is a constant. */
  gain?: Tensor
}

/**
 * The layer with weight `W' = magnitude * V / ||V||`, V = weight + scaling * loraB loraA, g = magnitude / ||V||:
 *
 *     axis 'out':  y = g * ( x weight^T + s (x loraA^T) loraB^T ) + b
 *     axis 'in':   y = (g * x) weight^T + s ((g * x) loraA^T) loraB^T + b
 *
 * (`method.md` 1.6, both exact.) W' is never formed, nor any other tensor of the weight's size. The bias is not scaled.
 *
 * Differs: with dropout, PEFT's DoRA also drops the input of the frozen product where that is scaled by (g - 1), which
 * costs it a second product; here dropout touches the low-rank path alone, as in LoRA. Without dropout both are equal.
 *
 * @param x `[..., in]`
 * @returns `[..., out]`, of the type of x; under autocast in its type, while the gain stays wide
 * @throws ShapeError where the tensors of the layer, or x, do not fit each other
 *
 * @example
 * const y = bidoraLinear(x, { weight, bias, loraA, loraB, magnitude, scaling: 2, magnitudeAxis: 'out' })
 */
export function bidoraLinear(x: Tensor, layer: BidoraLayer, { gain: known, ...options }: BidoraOptions = {}): Tensor {
  checkMagnitude('bidoraLinear', layer)
  const gain = known ?? gainOf(layer)
  if (layer.magnitudeAxis === 'in') return loraLinear(cast(mul(x, gain), x.dtype), layer, options)

  // A 16-bit product times the float32 gain is float32 and rounded once, at the end: a gain near 1 keeps its digits.
  const y = loraLinear(x, { ...layer, bias: undefined }, options) // [..., out]
  return cast(layer.bias ? addcmul(cast(layer.bias, gain.dtype), cast(y, gain.dtype), gain) : mul(y, gain), y.dtype)
}

/**
 * `W' = magnitude * (weight + scaling * loraB loraA) / norm`, the weight of a plain linear layer that computes the same.
 * A zero line of the sum is a zero line of the result. Computed in float32 at least.
 *
 * @returns `[out, in]`, of the weight's type
 */
export function mergedWeight(layer: BidoraLayer): Tensor {
  checkMagnitude('mergedWeight', layer)
  const gain = unsqueeze(gainOf(layer), layer.magnitudeAxis === 'out' ? 1 : 0) // [out, 1] or [1, in]
  return cast(mul(combinedWeight(layer), gain), layer.weight.dtype)
}

/** `weight + scaling * loraB loraA`, `[out, in]`, in float32 at least. */
export function combinedWeight(layer: LoraLayer): Tensor {
  const wide = wideType(layer)
  const { weight, loraA, loraB, scaling } = layer
  return autocast(undefined, () => addmm(cast(weight, wide), cast(loraB, wide), cast(loraA, wide), { alpha: scaling }))
}

function checkMagnitude(where: string, layer: BidoraLayer): void {
  const [out, width] = checkFactors(where, layer)
  const lines = layer.magnitudeAxis === 'out' ? out : width
  const { shape } = layer.magnitude
  if (shape.length !== 1 || shape[0] !== lines)
    throw mismatch(where, `a magnitude of shape [${lines}] for magnitudeAxis '${layer.magnitudeAxis}'`, shape)
}
