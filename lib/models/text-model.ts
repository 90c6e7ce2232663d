import { firstTokens, Module, type Placement } from '../nn/index.ts'
import { attentionContext, type Batch, checkBatch } from './batch.ts'
import type { EncoderOptions, EncoderOutput } from './classifier.ts'
import type { EncoderConfig } from './config.ts'
import { Embeddings } from './embeddings.ts'
import { Encoder } from './encoder.ts'

export interface TextModelOptions {
  readonly positions: ConstructorParameters<typeof Embeddings>[2]
  /** Longest text that it can read, in tokens. */
  readonly maxLength: number
}

/** The way from a batch to its hidden states, which all models share: embeddings, then the encoder. */
export class TextModel extends Module {
  readonly embeddings: Embeddings
  readonly encoder: Encoder
  /** Longest text that it can read, in tokens. */
  readonly maxLength: number
  readonly #vocabSize: number

  constructor(config: EncoderConfig, placement: Placement, { positions, maxLength }: TextModelOptions) {
    super()
    this.embeddings = new Embeddings(config, placement, positions)
    this.encoder = new Encoder(config, placement)
    this.maxLength = maxLength
    this.#vocabSize = config.vocabSize
  }

  /**
   * Hidden states of a batch.
   *
   * @throws ShapeError where the batch is longer than `maxLength` or its tensors disagree, ArgumentError for a foreign token.
   */
  forward(batch: Batch, { hiddenStates: every = false, firstOnly = false }: EncoderOptions = {}): EncoderOutput {
    checkBatch(batch, this.maxLength, this.#vocabSize)
    const embedded = this.embeddings.forward(batch) // [..., hidden]
    const context = attentionContext(batch, embedded.dtype)
    // Whoever asks for every state gets the last one of all tokens among them.
    const states = this.encoder.forward(embedded, context, { every, firstOnly: firstOnly && !every })
    const last = states.at(-1)!
    if (!every) return { lastHiddenState: last }
    return { lastHiddenState: firstOnly ? firstTokens(last, context) : last, hiddenStates: states }
  }
}
