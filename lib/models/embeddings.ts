import { add, arange, zeros } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { Dropout, Embedding, LayerNorm, Module, type Placement } from '../nn/index.ts'
import type { Batch } from './batch.ts'
import type { EncoderConfig } from './config.ts'

/** Gives each token the vector of its position: [seq, hidden], [batch, seq, hidden] or [rows, hidden]. The one part in which models differ. */
export type PositionLookup = (table: Embedding, batch: Batch) => Tensor

/** Positions count from 0, padding or not. */
export const positionsFromZero: PositionLookup = (table, batch) => table.forward(placesInText(batch))

/** The place of each token in its text: [seq] or [rows]. */
export function placesInText(batch: Batch): Tensor {
  if (batch.layout === 'packed') return batch.positions
  return arange(0, batch.inputIds.shape[1]!, { dtype: 'int64', device: batch.inputIds.device })
}

/** The places of a batch's rows, by which dropout tells them; a padded batch has the row's own number. */
export function rowPlaces(batch: Batch): { rows?: Tensor } {
  return batch.layout === 'packed' ? { rows: batch.rows.placeOf } : {}
}

/** What the embeddings of a model are made of beside its configuration. */
export interface EmbeddingParts {
  readonly lookUp: PositionLookup
  readonly paddingIndex?: number
  /** The table of positions, where it does not start at random. */
  readonly table?: (count: number, dimension: number, placement: Placement) => Embedding
}

/** layerNorm(word + tokenType + position), with dropout. A model without token types has no table of them. */
export class Embeddings extends Module {
  readonly wordEmbeddings: Embedding
  readonly positionEmbeddings: Embedding
  readonly tokenTypeEmbeddings: Embedding | null
  readonly layerNorm: LayerNorm
  readonly dropout: Dropout
  readonly #lookUpPositions: PositionLookup

  constructor(config: EncoderConfig, placement: Placement, positions: EmbeddingParts) {
    super()
    const padding = config.padTokenId === undefined ? {} : { paddingIndex: config.padTokenId }
    const positionPadding = positions.paddingIndex === undefined ? {} : { paddingIndex: positions.paddingIndex }
    this.wordEmbeddings = new Embedding(config.vocabSize, config.hiddenSize, { ...placement, ...padding })
    const { table = (count, dimension, where) => new Embedding(count, dimension, { ...where, ...positionPadding }) } =
      positions
    this.positionEmbeddings = table(config.maxPositionEmbeddings, config.hiddenSize, placement)
    this.tokenTypeEmbeddings =
      config.typeVocabSize > 0 ? new Embedding(config.typeVocabSize, config.hiddenSize, placement) : null
    this.layerNorm = new LayerNorm(config.hiddenSize, { ...placement, eps: config.layerNormEps })
    this.dropout = new Dropout(config.hiddenDropoutProb)
    this.#lookUpPositions = positions.lookUp
  }

  /** [batch, seq, hidden], [rows, hidden] without padding */
  forward(batch: Batch): Tensor {
    const words = this.wordEmbeddings.forward(batch.inputIds) // [..., hidden]
    const positions = this.#lookUpPositions(this.positionEmbeddings, batch)
    const types = this.tokenTypeEmbeddings && typesOf(this.tokenTypeEmbeddings, batch)
    const sum = add(types ? add(words, types) : words, positions)
    return this.dropout.forward(this.layerNorm.forward(sum), rowPlaces(batch))
  }
}

/** [..., hidden], or [1, hidden] where all tokens are of one type. */
export function typesOf(table: Embedding, { tokenTypeIds, inputIds: { device } }: Batch): Tensor {
  // With one type a tokenizer has nothing to say.
  const isTold = tokenTypeIds && table.count > 1
  return table.forward(isTold ? tokenTypeIds : zeros([1], { dtype: 'int64', device }))
}
