import { Embedding, LayerNorm, Module, type Placement } from '../nn/index.ts'
import {
  add,
  div,
  eq,
  floorDivide,
  indexSelect,
  maskedFill,
  mul,
  ne,
  neg,
  sum,
  to,
  unsqueeze,
  view,
} from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'
import type { Batch } from './batch.ts'
import type { PositionLookup } from './embeddings.ts'
import type { EsmConfig } from './esm-config.ts'
import { positionsAfter } from './roberta.ts'

/** The share of tokens that were masked in the training of every ESM. */
const trainedRatio = 0.15 * 0.8

/** Words, with positions where they are absolute and a layer norm where there is one; zero where there is padding. */
export class EsmEmbeddings extends Module {
  readonly wordEmbeddings: Embedding
  /** `layer_norm` on disk. */
  readonly embeddingNorm: LayerNorm | null
  readonly positionEmbeddings: Embedding | null
  readonly #lookUpPositions: PositionLookup
  /** The token that is dropped; undefined where none is. */
  readonly #dropped: number | undefined

  constructor(config: EsmConfig, placement: Placement) {
    super()
    const { hiddenSize, maskTokenId } = config
    const paddingIndex = config.padTokenId!
    this.wordEmbeddings = new Embedding(config.vocabSize, hiddenSize, { ...placement, paddingIndex })
    this.embeddingNorm = config.embLayerNormBefore
      ? new LayerNorm(hiddenSize, { ...placement, eps: config.layerNormEps })
      : null
    this.positionEmbeddings =
      config.positionEmbeddingType === 'absolute'
        ? new Embedding(config.maxPositionEmbeddings, hiddenSize, { ...placement, paddingIndex })
        : null
    this.#lookUpPositions = positionsAfter(paddingIndex)
    this.#dropped = config.tokenDropout ? maskTokenId : undefined
  }

  /** [batch, seq, hidden], [rows, hidden] without padding */
  forward(batch: Batch): Tensor {
    let states = this.wordEmbeddings.forward(batch.inputIds) // [..., hidden]
    if (this.#dropped !== undefined) states = dropTokens(states, batch, this.#dropped)
    if (this.positionEmbeddings) states = add(states, this.#lookUpPositions(this.positionEmbeddings, batch))
    if (this.embeddingNorm) states = this.embeddingNorm.forward(states)
    if (batch.layout === 'packed' || batch.hasPadding === false) return states
    return mul(states, to(unsqueeze(ne(batch.attentionMask, 0), -1), { dtype: states.dtype }))
  }
}

/**
 * Masked tokens become zero and the others of their text are scaled by (1 - trainedRatio) / (1 - ratio), where ratio is
 * the share of masked tokens in the text, in float32 as transformers has it.
 */
function dropTokens(states: Tensor, batch: Batch, dropped: number): Tensor {
  const masked = eq(batch.inputIds, dropped) // [...]
  const kept = mul(maskedFill(states, unsqueeze(masked, -1), 0), 1 - trainedRatio)
  const share = (count: Tensor, length: Tensor) => add(neg(div(to(count, { dtype: 'float32' }), length)), 1) // [texts]
  const ofText = (mask: Tensor) => sum(to(mask, { dtype: 'int64' }), { dim: [1] })
  if (batch.layout === 'padded') {
    const left = share(ofText(masked), ofText(ne(batch.attentionMask, 0)))
    return to(div(kept, view(left, [-1, 1, 1])), { dtype: states.dtype })
  }
  const { mask, rowOf, placeOf } = batch.rows
  const sideBySide = mul(view(indexSelect(masked, 0, rowOf), mask.shape), mask) // [texts, longest]
  const text = floorDivide(placeOf, mask.shape[1]!) // [rows]
  const left = indexSelect(share(ofText(sideBySide), ofText(mask)), 0, text)
  return to(div(kept, unsqueeze(left, -1)), { dtype: states.dtype })
}
