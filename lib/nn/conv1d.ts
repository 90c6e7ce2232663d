import { addmm, empty, reshape, zeros } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { normal } from './init.ts'
import { Module, type Placement } from './module.ts'
import { parameter } from './parameter.ts'

/** y = x weight + bias: a linear layer with its weight the other way round, as GPT-2's checkpoints have it. */
export class Conv1D extends Module {
  /** [in, out] */
  weight: Tensor
  /** [out] */
  bias: Tensor

  /** Starts as transformers' Conv1D: weights from normal(0, 0.02), the bias zero. */
  constructor(inFeatures: number, outFeatures: number, placement: Placement = {}) {
    super()
    this.weight = parameter(normal(empty([inFeatures, outFeatures], placement), { std: 0.02 }))
    this.bias = parameter(zeros([outFeatures], placement))
  }

  get inFeatures(): number {
    return this.weight.shape[0]!
  }

  get outFeatures(): number {
    return this.weight.shape[1]!
  }

  /** Maps the last dimension: [..., in] to [..., out]. */
  forward(input: Tensor): Tensor {
    if (input.ndim === 2) return addmm(this.bias, input, this.weight)
    const flat = addmm(this.bias, reshape(input, [-1, this.inFeatures]), this.weight) // [tokens, out]
    return reshape(flat, [...input.shape.slice(0, -1), this.outFeatures])
  }

  override describe(): string {
    return `${this.inFeatures}, ${this.outFeatures}`
  }
}
