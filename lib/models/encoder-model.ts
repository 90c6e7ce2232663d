import type { AttentionContext, Placement } from '../nn/index.ts'
import type { Tensor } from '../tensor/index.ts'
import type { Batch } from './batch.ts'
import type { EncoderConfig } from './config.ts'
import { type EmbeddingParts, Embeddings } from './embeddings.ts'
import { Encoder } from './encoder.ts'
import type { StackOptions } from './stack.ts'
import { TextModel } from './text-model.ts'

export interface EncoderModelOptions {
  readonly positions: EmbeddingParts
  /** Longest text that it can read, in tokens. */
  readonly maxLength: number
}

/** Embeddings and encoder as BERT and RoBERTa have them. */
export class EncoderModel extends TextModel {
  readonly embeddings: Embeddings
  readonly encoder: Encoder

  constructor(config: EncoderConfig, placement: Placement, { positions, maxLength }: EncoderModelOptions) {
    super(config, maxLength)
    this.embeddings = new Embeddings(config, placement, positions)
    this.encoder = new Encoder(config, placement)
  }

  protected override embed(batch: Batch): Tensor {
    return this.embeddings.forward(batch)
  }

  protected override run(embedded: Tensor, context: AttentionContext, options: StackOptions): Tensor[] {
    return this.encoder.forward(embedded, context, options)
  }
}
