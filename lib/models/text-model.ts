import { type AttentionContext, firstTokens, Module } from '../nn/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { attentionContext, type Batch, checkBatch } from './batch.ts'
import type { EncoderOptions, EncoderOutput } from './classifier.ts'
import type { EncoderConfig } from './config.ts'
import type { StackOptions } from './stack.ts'

/** The way from a batch to its hidden states, which all models share: embeddings, then layers. */
export abstract class TextModel<Context extends AttentionContext = AttentionContext> extends Module {
  /** Longest text that it can read, in tokens. */
  readonly maxLength: number
  readonly #vocabSize: number

  constructor(config: EncoderConfig, maxLength: number) {
    super()
    this.maxLength = maxLength
    this.#vocabSize = config.vocabSize
  }

  /** The layers' input: [batch, seq, hidden], or [rows, hidden] without padding. */
  protected abstract embed(batch: Batch): Tensor

  /** The hidden states that `Stack.forward` gives, with what comes after the last layer. */
  protected abstract run(embedded: Tensor, context: Context, options: StackOptions): Tensor[]

  /** What the layers need to know of a batch. */
  protected contextOf(batch: Batch, embedded: Tensor): Context {
    return attentionContext(batch, embedded.dtype) as Context
  }

  /**
   * Hidden states of a batch.
   *
   * @throws ShapeError where the batch is longer than `maxLength` or its tensors disagree, ArgumentError for a foreign token.
   */
  forward(batch: Batch, { hiddenStates: every = false, firstOnly = false }: EncoderOptions = {}): EncoderOutput {
    checkBatch(batch, this.maxLength, this.#vocabSize)
    const embedded = this.embed(batch) // [..., hidden]
    const context = this.contextOf(batch, embedded)
    // Whoever asks for every state gets the last one of all tokens among them.
    const states = this.run(embedded, context, { every, firstOnly: firstOnly && !every })
    const last = states.at(-1)!
    if (!every) return { lastHiddenState: last }
    return { lastHiddenState: firstOnly ? firstTokens(last, context) : last, hiddenStates: states }
  }
}
