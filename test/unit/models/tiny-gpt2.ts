import {
  type CausalLanguageModel,
  createLanguageModel,
  createModel,
  type SequenceClassifier,
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
