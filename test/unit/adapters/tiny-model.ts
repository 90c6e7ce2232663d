import assert from 'node:assert/strict'
import { detachAdapters } from '../../../lib/adapters/index.ts'
import { noGrad } from '../../../lib/autograd/index.ts'
import { createModel, type SequenceClassifier } from '../../../lib/models/index.ts'
import { manualSeed, memoryStats, scope, type Tensor, tensor } from '../../../lib/tensor/index.ts'

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

/**
 * Once `attach` has adapted a model, which gave the logits `before`, and it was trained on and detached, it is as it was, and
 * no tensor is left behind.
 */
export function assertLeavesNothing(
  attach: (model: SequenceClassifier, logits: () => unknown, before: unknown) => void,
): void {
  const model = tinyModel()
  const live = memoryStats().liveTensors
  const logits = () => scope(() => noGrad(() => tinyLogits(model)).tolist()) // as predictions are made
  const modules = () => model.namedModules().map(([path, module]) => [path, module.constructor.name])
  const [before, modulesBefore] = [logits(), modules()]
  attach(model, logits, before)
  scope(() => void tinyLogits(model)) // as in training
  detachAdapters(model)
  assert.deepEqual(logits(), before)
  assert.deepEqual(modules(), modulesBefore)
  assert.equal(memoryStats().liveTensors, live)
  model.dispose()
}
