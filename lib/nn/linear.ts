import { forgetConstants } from '../autograd/index.ts'
import { empty } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { frozenLinear } from './frozen-linear.ts'
import { fanIn, kaimingUniform, uniform } from './init.ts'
import { Module, type Placement } from './module.ts'
import { parameter } from './parameter.ts'

/** y = x weight^T + bias, as torch.nn.Linear. */
export class Linear extends Module {
  /** [out, in] */
  weight: Tensor
  /** [out], or null where the layer has none. */
  bias: Tensor | null

  /** Starts as torch.nn.Linear does: Kaiming-uniform(a = sqrt 5), the bias uniform within 1 / sqrt(in). */
  constructor(inFeatures: number, outFeatures: number, options: Placement & { bias?: boolean } = {}) {
    super()
    const { bias = true, ...placement } = options
    this.weight = parameter(kaimingUniform(empty([outFeatures, inFeatures], placement), { a: Math.sqrt(5) }))
    const bound = 1 / Math.sqrt(fanIn(this.weight))
    this.bias = bias ? parameter(uniform(empty([outFeatures], placement), -bound, bound)) : null
  }

  get inFeatures(): number {
    return this.weight.shape[1]!
  }

  get outFeatures(): number {
    return this.weight.shape[0]!
  }

  /** Maps the last dimension: [..., in] to [..., out]. */
  forward(input: Tensor): Tensor {
    return frozenLinear(input, this.weight, this.bias)
  }

  override release(): void {
    forgetConstants(this.weight)
  }

  override describe(): string {
    return `${this.inFeatures}, ${this.outFeatures}${this.bias ? '' : ', bias=false'}`
  }
}
