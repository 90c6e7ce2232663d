import {
  type Activation,
  activation,
  Dropout,
  init,
  LayerNorm,
  Module,
  type Placement,
  parameter,
  sideBySide,
} from '../nn/index.ts'
import { add, conv1d, empty, indexSelect, mul, reshape, to, transpose, unsqueeze } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'
import type { DebertaConfig } from './deberta-config.ts'
import type { DebertaContext } from './disentangled-attention.ts'
import type { StartsItself } from './initialise.ts'

/** y(t) = sum over k of weight(k) x(t + k - middle), plus the bias: as many places out as in, zero beyond the ends. */
class Convolution extends Module implements StartsItself {
  /** [out, in / groups, kernel] */
  weight: Tensor
  /** [out] */
  bias: Tensor
  readonly starts: StartsItself['starts']
  readonly #groups: number

  constructor({ hiddenSize, convKernelSize, convGroups, initializerRange }: DebertaConfig, placement: Placement) {
    super()
    this.#groups = convGroups
    const weight = (tensor: Tensor) => init.normal(tensor, { std: initializerRange })
    const bias = (tensor: Tensor) => init.constant(tensor, 0)
    this.starts = { weight, bias }
    this.weight = parameter(weight(empty([hiddenSize, hiddenSize / convGroups, convKernelSize], placement)))
    this.bias = parameter(bias(empty([hiddenSize], placement)))
  }

  /** [batch, seq, hidden] to [batch, seq, hidden] */
  forward(input: Tensor): Tensor {
    const padding = [(this.weight.shape[2]! - 1) / 2]
    const output = conv1d(transpose(input, 1, 2), this.weight, { bias: this.bias, padding, groups: this.#groups })
    return transpose(output, 1, 2)
  }
}

/** layerNorm(first layer's output + activation(dropout(convolution of the first layer's input))), as DeBERTa XXL has it. */
export class ConvLayer extends Module {
  readonly conv: Convolution
  readonly layerNorm: LayerNorm
  readonly dropout: Dropout
  readonly #activation: Activation

  constructor(config: DebertaConfig, placement: Placement) {
    super()
    this.conv = new Convolution(config, placement)
    this.layerNorm = new LayerNorm(config.hiddenSize, { ...placement, eps: config.layerNormEps })
    this.dropout = new Dropout(config.hiddenDropoutProb)
    this.#activation = activation(config.convAct)
  }

  /** Both [..., hidden]; padding is zero in the input, and in the result. */
  forward(input: Tensor, output: Tensor, context: DebertaContext): Tensor {
    const { rows, kept } = context
    const wide = rows
      ? mul(sideBySide(input, context), to(unsqueeze(rows.mask, -1), { dtype: input.dtype })) // [batch, seq, hidden]
      : input
    const convolved = this.conv.forward(wide)
    const inside = rows ? indexSelect(reshape(convolved, [-1, convolved.shape[2]!]), 0, rows.placeOf) : convolved
    const active = this.#activation(this.dropout.forward(inside, { rows: rows?.placeOf }))
    const normed = this.layerNorm.forward(add(output, active))
    return kept ? mul(normed, kept) : normed
  }
}
