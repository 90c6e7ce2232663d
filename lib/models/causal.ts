import { type AttentionContext, crossEntropy } from '../nn/index.ts'
import { arange, cat, flatten, full, le, logicalAnd, mul, narrow, ne, sub, to, unsqueeze } from '../ops/index.ts'
import type { DType, Tensor } from '../tensor/index.ts'
import { type Batch, farBelow } from './batch.ts'
import type { ForwardOptions } from './classifier.ts'
import type { ModelConfig } from './config.ts'
import { HeadedModel } from './headed-model.ts'
import type { KeyValueCache } from './key-value-cache.ts'

// Models that read from left to right: each token sees itself and those before it.

/** What the configuration of a language model says besides. */
export interface CausalConfig extends ModelConfig {
  readonly vocabSize: number
  readonly bosTokenId: number | undefined
  readonly eosTokenId: number | readonly number[] | undefined
  readonly padTokenId: number | undefined
}

/** What a stack of causal layers is to compute. */
export interface CausalOptions extends ForwardOptions {
  /** Keys and values of the tokens before these; those of the batch are added. The batch is then `padded`. */
  cache?: KeyValueCache
}

/** What a language model is to compute. */
export interface LanguageOptions extends CausalOptions {
  /** Give the logits of each text's last place alone, [batch, 1, vocabulary]. The batch is then `padded`. */
  lastOnly?: boolean
}

/** What a language model gives. */
export interface LanguageOutput {
  /** [batch, seq, vocabulary], [rows, vocabulary] for a batch without padding */
  readonly logits: Tensor
  readonly hiddenStates?: readonly Tensor[]
}

/** A model that gives the logits of the next token after every token. */
export abstract class CausalLanguageModel extends HeadedModel<CausalConfig> {
  /** Room for keys and values of all layers. */
  abstract newCache(): KeyValueCache

  /**
   * @throws ShapeError where the batch is longer than `maxLength` or its tensors disagree, ArgumentError for a foreign token
   * and for a packed batch with `cache` or `lastOnly`.
   */
  abstract forward(batch: Batch, options?: LanguageOptions): LanguageOutput
}

/**
 * The loss that transformers computes for a language model: the mean cross-entropy of every token after the first, given
 * those before it, over the tokens whose label is not -100.
 *
 * @param logits - [batch, seq, vocabulary]
 * @param labels - [batch, seq] int64: the tokens themselves, -100 where one does not count (prompt, padding)
 * @returns a scalar; NaN where no token counts
 */
export function languageLoss(logits: Tensor, labels: Tensor): Tensor {
  const seq = labels.shape[1]!
  const given = flatten(narrow(logits, 1, 0, seq - 1), { startDim: 0, endDim: 1 }) // [batch * (seq - 1), vocabulary]
  return crossEntropy(given, flatten(narrow(labels, 1, 1, seq - 1)))
}

/** Which of the tokens, past and present, are no padding: bool [batch, keys]; absent where all are known to be. */
export function keptTokens(batch: Batch, cache: KeyValueCache | undefined): Tensor | undefined {
  if (batch.layout === 'packed') return undefined
  const { hasPadding, attentionMask } = batch
  const present = hasPadding === false ? undefined : ne(attentionMask, 0)
  if (!cache || cache.length === 0) return present
  if (!present && !cache.kept) return undefined
  const [texts, seq] = attentionMask.shape as [number, number]
  const all = (width: number) => full([texts, width], 1, { dtype: 'bool', device: attentionMask.device })
  return cat([cache.kept ?? all(cache.length), present ?? all(seq)], { dim: 1 })
}

/** What causal attention needs of a batch, for scores of `dtype`; `kept` from `keptTokens`. */
export function causalContext(batch: Batch, dtype: DType, kept: Tensor | undefined): AttentionContext {
  // Padding of packed texts comes after every token that asks.
  if (batch.layout === 'packed') return { rows: batch.rows, causal: true }
  if (!kept) return { causal: true }
  const seq = batch.inputIds.shape[1]!
  const keys = kept.shape[1]!
  const { device } = kept
  const place = arange(0, keys, { device }) // [keys]
  const own = unsqueeze(arange(keys - seq, keys, { device }), 1) // [seq, 1]
  const seen = logicalAnd(unsqueeze(unsqueeze(kept, 1), 1), le(place, own)) // [batch, 1, seq, keys]
  return { bias: mul(sub(to(seen, { dtype }), 1), farBelow(dtype)), causal: true }
}
