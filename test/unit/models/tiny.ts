import { createModel, type SequenceClassifier } from '../../../lib/models/index.ts'
import type { Placement } from '../../../lib/nn/index.ts'

/** A configuration that a test can afford. */
export const tinyConfig = {
  model_type: 'bert',
  vocab_size: 20,
  hidden_size: 8,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 12,
  max_position_embeddings: 16,
  hidden_dropout_prob: 0,
  attention_probs_dropout_prob: 0,
  initializer_range: 0.5,
  id2label: { 0: 'ham', 1: 'spam', 2: 'eggs' },
} as const

/** A model with random weights. */
export function tinyModel(changes: Record<string, unknown> = {}, placement: Placement = {}): SequenceClassifier {
  return createModel({ ...tinyConfig, ...changes }, placement)
}
