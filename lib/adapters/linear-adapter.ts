import { forgetConstants } from '../autograd/index.ts'
import { Conv1D } from '../nn/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { AdapterLayer } from './layer.ts'
import { giveBack, type PlainLayer, takeWeight, withWeight } from './plain-layer.ts'

/**
 * An adapted layer in the place of the `Linear` it was made from, or of what else is one: it keeps that layer's weight and
 * bias, frozen, under their own names (the weight as `[out, in]`, whichever way the layer has it). Methods add what they
 * train, and say what it does to the weight.
 */
export abstract class LinearAdapter<L extends PlainLayer = PlainLayer> extends AdapterLayer {
  /** `[out, in]` */
  weight: Tensor
  /** `[out]` */
  bias: Tensor | null
  readonly #original: L // a private field, so that its tensors are not listed twice

  constructor(layer: L) {
    super()
    this.#original = layer
    for (const frozen of layer.parameters()) frozen.requiresGrad = false
    this.weight = takeWeight(layer)
    this.bias = 'bias' in layer ? layer.bias : null
    this.training = layer.training
  }

  /** `[..., in]` to `[..., out]`; `rows` are the places of its rows for dropout (`DropoutPlace`). */
  abstract forward(input: Tensor, rows?: Tensor): Tensor

  /** The weight of the plain layer that computes the same, `[out, in]`: made from the frozen weight, which stays. */
  abstract mergedWeight(): Tensor

  /** Whether the layer has its weight the other way round, which PEFT calls fan_in_fan_out. */
  get isTurned(): boolean {
    return this.#original instanceof Conv1D
  }

  /** A plain layer of the same kind with another weight, `[out, in]`, and the same bias. */
  plainWith(weight: Tensor): PlainLayer {
    return withWeight(this.#original, weight, this.bias).train(this.training)
  }

  /** The layer without its adapter; the adapter's own tensors are disposed. */
  detach(): L {
    const layer: PlainLayer = this.#original
    for (const own of this.adapterParameters()) own.dispose()
    forgetConstants(this.weight)
    giveBack(layer, this.weight)
    if ('bias' in layer) layer.bias = this.bias as Tensor
    this.#original.train(this.training)
    return this.#original
  }

  override release(): void {
    forgetConstants(this.weight)
  }
}
