import {
  type AttentionContext,
  Dropout,
  dropout,
  type Layer,
  Linear,
  Module,
  mergeHeads,
  type Placement,
  sideBySide,
  splitHeads,
} from '../nn/index.ts'
import {
  add,
  expand,
  gather,
  indexSelect,
  maskedFill,
  matmul,
  mul,
  narrow,
  softmax,
  transpose,
  unsqueeze,
  view,
} from '../ops/index.ts'
import type { DType, Tensor } from '../tensor/index.ts'
import { type DebertaConfig, termsOf } from './deberta-config.ts'
import { type LayerOptions, placesOf } from './stack.ts'

/** What the layers of a DeBERTa need to know of a batch. Without padding its texts are laid side by side for the scores. */
export interface DebertaContext extends AttentionContext {
  /** [batch, 1, query or 1, key], true where a token does not see another; absent where all see all. */
  readonly hidden?: Tensor
  /** [batch, seq, 1], 0 where a padded batch has padding and 1 elsewhere; absent where it has none. */
  readonly kept?: Tensor
  /** Vectors of the distances that the batch has, [distances, hidden]; absent where attention knows no distances. */
  readonly distances?: Tensor
  /** [query, key] int64, the row of `distances` for each pair of places. */
  readonly distanceOf?: Tensor
}

/**
 * "DeBERTa: Decoding-enhanced BERT with Disentangled Attention", section 3.1: the score of query i and key j is
 *
 * (query_i key_j + query_i posKey_d(i,j) + key_j posQuery_d(i,j)) / sqrt(n headDim)
 *
 * with d(i, j) the bucket of their distance, and n one more than the number of position terms of `posAttType`. Where the
 * key is shared, posKey and posQuery are made by the layers that make key and query.
 */
export class DisentangledSelfAttention extends Module {
  queryProj: Layer
  keyProj: Layer
  valueProj: Layer
  posKeyProj: Layer | null
  posQueryProj: Layer | null
  /** Of the distances' vectors. */
  readonly posDropout: Dropout
  readonly dropout: Dropout
  readonly heads: number
  readonly #shared: boolean
  readonly #hasC2p: boolean
  readonly #hasP2c: boolean

  constructor(config: DebertaConfig, placement: Placement) {
    super()
    const { hiddenSize, relativeAttention, shareAttKey } = config
    const terms = termsOf(config.posAttType) ?? []
    const project = () => new Linear(hiddenSize, hiddenSize, placement)
    const hasOwn = relativeAttention && !shareAttKey
    this.#shared = shareAttKey
    this.#hasC2p = terms.includes('c2p')
    this.#hasP2c = terms.includes('p2c')
    this.queryProj = project()
    this.keyProj = project()
    this.valueProj = project()
    this.posKeyProj = hasOwn && this.#hasC2p ? project() : null
    this.posQueryProj = hasOwn && this.#hasP2c ? project() : null
    this.posDropout = new Dropout(config.hiddenDropoutProb)
    this.dropout = new Dropout(config.attentionProbsDropoutProb)
    this.heads = config.numAttentionHeads
  }

  /** `asking` are the tokens that ask, all or the first ones: their shape is that of the result. */
  forward(input: Tensor, asking: Tensor, context: DebertaContext, options: LayerOptions): Tensor {
    const { rows } = context
    const { firstOnly = false } = options
    const split = (states: Tensor) => splitHeads(sideBySide(states, context), this.heads) // [batch, heads, seq, headDim]
    const asked = this.queryProj.forward(asking, placesOf(context, options))
    const query = firstOnly ? splitHeads(unsqueeze(asked, 1), this.heads) : split(asked)
    const key = split(this.keyProj.forward(input, rows?.placeOf))
    const value = split(this.valueProj.forward(input, rows?.placeOf))
    // transformers takes the root in float32 whatever the type of the model is.
    const scale = 1 / Math.fround(Math.sqrt((1 + Number(this.#hasC2p) + Number(this.#hasP2c)) * key.shape[3]!))
    const scaled = mul(query, scale)
    let scores = matmul(scaled, transpose(key, 2, 3)) // [batch, heads, query, key]
    if (context.distances) scores = this.#addDistances(scores, { scaled, key, scale }, context, firstOnly)
    const hidden = context.hidden && (firstOnly ? narrow(context.hidden, 2, 0, 1) : context.hidden)
    const weights = softmax(hidden ? maskedFill(scores, hidden, lowest(scores.dtype)) : scores, -1)
    const dropped = dropout(weights, this.dropout.active ? this.dropout.p : 0)
    const attended = mergeHeads(matmul(dropped, value)) // [batch, query, hidden]
    if (firstOnly) return view(attended, asking.shape)
    return rows ? indexSelect(view(attended, [-1, attended.shape[2]!]), 0, rows.placeOf) : attended
  }

  #addDistances(
    scores: Tensor,
    { scaled, key, scale }: { scaled: Tensor; key: Tensor; scale: number },
    { distances, distanceOf }: DebertaContext,
    firstOnly: boolean,
  ): Tensor {
    const [batch, heads, queries, keys] = scores.shape as [number, number, number, number]
    const vectors = this.posDropout.forward(distances!) // [distances, hidden]
    const index = firstOnly ? narrow(distanceOf!, 0, 0, 1) : distanceOf! // [query, key]
    const split = (layer: Layer) => splitHeads(unsqueeze(layer.forward(vectors), 0), heads) // [1, heads, distances, headDim]
    let sum = scores
    if (this.#hasC2p) {
      const positions = split(this.#shared ? this.keyProj : this.posKeyProj!)
      const every = matmul(scaled, transpose(positions, 2, 3)) // [batch, heads, query, distances]
      sum = add(sum, gather(every, -1, expand(index, [batch, heads, queries, keys])))
    }
    if (this.#hasP2c) {
      const positions = mul(split(this.#shared ? this.queryProj : this.posQueryProj!), scale)
      const every = matmul(key, transpose(positions, 2, 3)) // [batch, heads, key, distances]
      const byKey = gather(every, -1, expand(transpose(index, 0, 1), [batch, heads, keys, queries]))
      sum = add(sum, transpose(byKey, 2, 3))
    }
    return sum
  }
}

/** The most negative number of a type, which stands for a hidden score: a query that sees nothing has even weights. */
function lowest(dtype: DType): number {
  return (
    { float64: -Number.MAX_VALUE, bfloat16: -3.3895313892515355e38, float16: -65504 }[dtype as string] ??
    -3.4028234663852886e38
  )
}
