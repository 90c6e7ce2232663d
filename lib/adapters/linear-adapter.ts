import { forgetConstants } from '../autograd/index.ts'
import type { Linear } from '../nn/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { AdapterLayer } from './layer.ts'
import { type PlainLayer, withWeight } from './plain-layer.ts'

/**
 * An adapted layer in the place of the `Linear` it was made from: it keeps that layer's weight and bias, frozen, under
 * their own names. Methods add what they train, and say what it does to the weight.
 */
export abstract class LinearAdapter extends AdapterLayer {
  /** `[out, in]` */
  weight: Tensor
  /** `[out]` */
  bias: Tensor | null
  readonly #original: Linear // a private field, so that its tensors are not listed twice

  constructor(linear: Linear) {
    super()
    this.#original = linear
    this.weight = linear.weight
    this.bias = linear.bias
    for (const frozen of linear.parameters()) frozen.requiresGrad = false
    this.training = linear.training
  }

  /** `[..., in]` to `[..., out]`; `rows` are the places of its rows for dropout (`DropoutPlace`). */
  abstract forward(input: Tensor, rows?: Tensor): Tensor

  /** The weight of the plain layer that computes the same, `[out, in]`: made from the frozen weight, which stays. */
  abstract mergedWeight(): Tensor

  /** A plain layer with another weight, `[out, in]`, and the same bias. */
  plainWith(weight: Tensor): PlainLayer {
    return withWeight(this.#original, weight, this.bias).train(this.training)
  }

  detach(): Linear {
    this.#original.weight = this.weight
    this.#original.bias = this.bias
    this.#original.train(this.training)
    for (const own of this.adapterParameters()) own.dispose()
    forgetConstants(this.weight)
    return this.#original
  }

  override release(): void {
    forgetConstants(this.weight)
  }
}
