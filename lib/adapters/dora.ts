import type { Tensor } from '../tensor/index.ts'
import { type BidoraLayer, bidoraLinear } from './bidora.ts'
import type { LinearOptions } from './lora.ts'

/** What DoRA leaves open of the layer: axis and gradient of the norm are its own. */
export type DoraLayer = Omit<BidoraLayer, 'magnitudeAxis' | 'detachNorm'>

/**
 * DoRA as PEFT implements it: one magnitude per output, the norm a constant for the gradient (DoRA 4.3).
 *
 * @param x `[..., in]`
 * @returns `[..., out]`
 */
export function doraLinear(x: Tensor, layer: DoraLayer, options: LinearOptions = {}): Tensor {
  return bidoraLinear(x, { ...layer, magnitudeAxis: 'out', detachNorm: true }, options)
}
