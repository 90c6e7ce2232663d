import { add, zeros } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { Dropout, Embedding, LayerNorm, Module, type Placement } from '../nn/index.ts'
import type { Batch } from './batch.ts'
import type { EncoderConfig } from './config.ts'

/** Gives each token the vector of its position: [seq, hidden], [batch, seq, hidden] or [rows, hidden]. The one part in which models differ. */
export type PositionLookup = (table: Embedding, batch: Batch) => Tensor

/** layerNorm(word + tokenType + position), with dropout. */
export class Embeddings extends Module {
  readonly wordEmbeddings: Embedding
  readonly positionEmbeddings: Embedding
  readonly tokenTypeEmbeddings: Embedding
  readonly layerNorm: LayerNorm
  readonly dropout: Dropout
  readonly #lookUpPositions: PositionLookup

  constructor(
    config: EncoderConfig,
    placement: Placement,
    positions: { lookUp: PositionLookup; paddingIndex?: number },
  ) {
    super()
    const padding = config.padTokenId === undefined ? {} : { paddingIndex: config.padTokenId }
    const positionPadding = positions.paddingIndex === undefined ? {} : { paddingIndex: positions.paddingIndex }
    this.wordEmbeddings = new Embedding(config.vocabSize, config.hiddenSize, { ...placement, ...padding })
    this.positionEmbeddings = new Embedding(config.maxPositionEmbeddings, config.hiddenSize, {
      ...placement,
      ...positionPadding,
    })
    this.tokenTypeEmbeddings = new Embedding(config.typeVocabSize, config.hiddenSize, placement)
    this.layerNorm = new LayerNorm(config.hiddenSize, { ...placement, eps: config.layerNormEps })
    this.dropout = new Dropout(config.hiddenDropoutProb)
    this.#lookUpPositions = positions.lookUp
  }

  /** [batch, seq, hidden], [rows, hidden] without padding */
  forward(batch: Batch): Tensor {
    const words = this.wordEmbeddings.forward(batch.inputIds) // [..., hidden]
    const { tokenTypeEmbeddings } = this
    // With one type there is nothing to look up, whatever a tokenizer says.
    const types =
      batch.tokenTypeIds && tokenTypeEmbeddings.count > 1
        ? tokenTypeEmbeddings.forward(batch.tokenTypeIds) // [..., hidden]
        : tokenTypeEmbeddings.forward(zeros([1], { dtype: 'int64', device: batch.inputIds.device })) // [1, hidden]
    const rows = batch.layout === 'packed' ? { rows: batch.rows.placeOf } : {}
    const positions = this.#lookUpPositions(this.positionEmbeddings, batch)
    return this.dropout.forward(this.layerNorm.forward(add(add(words, types), positions)), rows)
  }
}
