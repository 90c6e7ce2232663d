import { layerNorm, ones, zeros } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { Module, type Placement } from './module.ts'
import { parameter } from './parameter.ts'

/** (x - mean) / sqrt(variance + eps) * weight + bias over the last dimension, as torch.nn.LayerNorm. */
export class LayerNorm extends Module {
  /** [size], starts as one. */
  weight: Tensor
  /** [size], starts as zero. */
  bias: Tensor
  readonly eps: number

  constructor(size: number, options: Placement & { eps?: number } = {}) {
    super()
    const { eps = 1e-5, ...placement } = options
    this.eps = eps
    this.weight = parameter(ones([size], placement))
    this.bias = parameter(zeros([size], placement))
  }

  /** Normalises the last dimension: [..., size] to [..., size]. */
  forward(input: Tensor): Tensor {
    return layerNorm(input, this.weight.shape, { weight: this.weight, bias: this.bias, eps: this.eps })
  }

  override describe(): string {
    return `${this.weight.shape[0]}, eps=${this.eps}`
  }
}
