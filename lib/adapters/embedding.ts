import { type Embedding, init } from '../nn/index.ts'
import { add, embedding, linear, mul, t, unsqueeze } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { AdaptedLinear, type AdapterSettings } from './adapter.ts'
import type { BidoraLayer } from './bidora.ts'
import { cast, gainOf } from './norm.ts'

/**
 * A table of vectors with an adapter: a linear layer on indices. Its `weight` is here `[dimension, count]`, as that of any
 * adapted layer is `[out, in]`, so loraA is `[rank, count]`, loraB `[dimension, rank]`, and the magnitude has one number
 * per dimension (axis 'out', as PEFT), or per entry of the table (axis 'in').
 *
 * As in PEFT, loraA starts at zero and loraB standard normal, and there is no dropout.
 */
export class AdaptedEmbedding extends AdaptedLinear {
  /** Entry that never gets a gradient. */
  readonly paddingIndex: number | undefined

  /** @throws ArgumentError for settings that cannot be meant. */
  constructor(table: Embedding, settings: AdapterSettings) {
    super(table, settings)
    this.paddingIndex = table.paddingIndex
  }

  /** How many entries the table has. */
  get count(): number {
    return this.weight.shape[1]!
  }

  /** Looks up whole numbers [...]: [..., dimension]. */
  override forward(indices: Tensor): Tensor {
    const padding = this.paddingIndex === undefined ? {} : { paddingIdx: this.paddingIndex }
    const lookUp = (table: Tensor) => embedding(t(table), indices, padding)
    const words = lookUp(this.weight) // [..., dimension]
    const low = linear(lookUp(this.loraA), this.loraB) // [..., dimension]
    const sum = add(cast(words, low.dtype), low, { alpha: this.scaling })
    if (!this.magnitude) return cast(sum, words.dtype)
    const gain = gainOf(this as BidoraLayer) // [dimension] or [count]
    return cast(mul(sum, this.magnitudeAxis === 'out' ? gain : lookUp(unsqueeze(gain, 0))), words.dtype)
  }

  protected override factors(): Record<string, Tensor> {
    return { lora_embedding_A: this.loraA, lora_embedding_B: this.loraB }
  }

  protected override start(loraA: Tensor, loraB: Tensor): void {
    init.constant(loraA, 0)
    init.normal(loraB)
  }
}
