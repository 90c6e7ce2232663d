import { createModel, type SequenceClassifier } from '../../../lib/models/index.ts'
import { manualSeed, type Tensor, tensor } from '../../../lib/tensor/index.ts'

const config = {
  vocab_size: 20,
  hidden_size: 8,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 12,
  max_position_embeddings: 16,
  hidden_dropout_prob: 0,
  attention_probs_dropout_prob: 0,
  id2label: { 0: 'no', 1: 'yes', 2: 'maybe' },
}

/** A BERT or RoBERTa of two tiny layers with random weights, the same at every call. */
export function tinyModel(
  kind: 'bert' | 'roberta' = 'bert',
  dtype: 'float32' | 'float64' | 'bfloat16' = 'float32',
): SequenceClassifier {
  manualSeed(42)
  return createModel({ ...config, model_type: kind, ...(kind === 'roberta' ? { pad_token_id: 1 } : {}) }, { dtype })
}

/** Its logits on a fixed batch with padding; the batch is freed. */
export function tinyLogits(model: SequenceClassifier): Tensor {
  const batch = {
    layout: 'padded' as const,
    inputIds: tensor(
      [
        [2, 3, 4, 5],
        [6, 7, 8, 1],
      ],
      { dtype: 'int64' },
    ),
    attentionMask: tensor(
      [
        [1, 1, 1, 1],
        [1, 1, 1, 0],
      ],
      { dtype: 'int64' },
    ),
  }
  try {
    return model.forward(batch).logits
  } finally {
    batch.inputIds.dispose()
    batch.attentionMask.dispose()
  }
}
