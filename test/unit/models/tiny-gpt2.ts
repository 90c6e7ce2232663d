import {
  type CausalLanguageModel,
  createLanguageModel,
  createModel,
  type SequenceClassifier,
  toBatch,
} from '../../../lib/models/index.ts'
import type { Placement } from '../../../lib/nn/index.ts'

/** A configuration that a test can afford. */
export const tinyGPT2 = {
  model_type: 'gpt2',
  vocab_size: 20,
  n_positions: 16,
  n_embd: 16,
  n_layer: 2,
  n_head: 2,
  resid_pdrop: 0,
  embd_pdrop: 0,
  attn_pdrop: 0,
  initializer_range: 0.5,
  bos_token_id: 19,
  eos_token_id: 19,
  pad_token_id: 0,
  id2label: { 0: 'ham', 1: 'spam', 2: 'eggs' },
} as const

/** A language model with random weights. */
export function tinyLanguageModel(
  changes: Record<string, unknown> = {},
  placement: Placement = {},
): CausalLanguageModel {
  return createLanguageModel({ ...tinyGPT2, ...changes }, placement)
}

/** A classifier with random weights. */
export function tinyClassifier(changes: Record<string, unknown> = {}, placement: Placement = {}): SequenceClassifier {
  return createModel({ ...tinyGPT2, ...changes }, placement)
}

/** Texts side by side as arrays, filled up with 0 on one side. */
export function arraysOf(texts: readonly (readonly number[])[], side: 'left' | 'right' = 'right') {
  const seq = Math.max(...texts.map(text => text.length))
  const fill = (text: readonly number[]) => {
    const rest = new Array<number>(seq - text.length).fill(0)
    return side === 'right' ? [...text, ...rest] : [...rest, ...text]
  }
  return {
    layout: 'padded' as const,
    shape: [texts.length, seq],
    inputIds: BigInt64Array.from(texts.flatMap(fill), BigInt),
    attentionMask: BigInt64Array.from(
      texts.flatMap(text => fill(text.map(() => 1))),
      BigInt,
    ),
  }
}

export function batchOf(texts: readonly (readonly number[])[], side: 'left' | 'right' = 'right') {
  return toBatch(arraysOf(texts, side))
}
