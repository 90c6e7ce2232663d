import {
  adaptedLayers,
  forgetConstants,
  type MagnitudeAxis,
  orthogonality,
  prepareModel,
  trainableParameters,
} from '../../lib/adapters/index.ts'
import { noGrad } from '../../lib/autograd/index.ts'
import type { BilevelProblem } from '../../lib/bilevel/index.ts'
import { type Batch, createModel } from '../../lib/models/index.ts'
import { type AttentionKernel, crossEntropy, useAttentionKernel } from '../../lib/nn/index.ts'
import { mul, normal_, ones } from '../../lib/ops/index.ts'
import { manualSeed, scope, tensor } from '../../lib/tensor/index.ts'

const base = {
  model_type: 'bert',
  vocab_size: 40,
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 24,
  max_position_embeddings: 16,
  id2label: { 0: 'no', 1: 'yes' },
}

export interface Setting {
  magnitudeAxis?: MagnitudeAxis
  detachNorm?: boolean
  dropout?: number
  hiddenAct?: string
  kernel?: AttentionKernel
}

export interface TransformerBatches {
  lowerBatch: Batch
  upperBatch: Batch
}

/** A two-layer transformer with every linear layer adapted, away from its start, as a problem of two levels (float64). */
export function withTransformer(
  setting: Setting,
  check: (problem: BilevelProblem<Batch>, batches: TransformerBatches) => void,
): void {
  const { magnitudeAxis = 'out', detachNorm = false, dropout = 0, hiddenAct = 'gelu', kernel = 'explicit' } = setting
  manualSeed(1)
  const model = createModel(
    { ...base, hidden_act: hiddenAct, hidden_dropout_prob: dropout, attention_probs_dropout_prob: dropout },
    { dtype: 'float64' },
  )
  const adapter = {
    method: 'bidora',
    rank: 2,
    loraAlpha: 4,
    targetModules: 'all-linear',
    loraDropout: dropout,
  } as const
  prepareModel(model, { ...adapter, magnitudeAxis, detachNorm })
  useAttentionKernel(model, kernel)
  model.train()
  const layers = [...adaptedLayers(model).values()]
  const { lower, upper } = trainableParameters(model)
  noGrad(() => scope(() => layers.forEach(({ loraB }) => void normal_(loraB, { std: 0.05 }))))
  try {
    scope(() => {
      const labels = tensor([0, 1, 0, 1, 1, 0, 1, 0], { dtype: 'int64' })
      const upperLoss = (batch: Batch) => crossEntropy(model.forward(batch).logits, labels)
      const problem = {
        lowerLoss: (batch: Batch) => upperLoss(batch).add(mul(orthogonality(layers), 1e-2)),
        upperLoss,
        lowerParameters: lower.map(([, parameter]) => parameter),
        upperParameters: upper.map(([, parameter]) => parameter),
      }
      check(problem, { lowerBatch: batchOf(7), upperBatch: batchOf(11) })
    })
  } finally {
    for (const { weight } of layers) forgetConstants(weight)
    model.dispose()
  }
}

function batchOf(stride: number): Batch {
  const ids = Array.from({ length: 8 }, (_, row) =>
    Array.from({ length: 6 }, (_, column) => ((row * 6 + column) * stride) % 40),
  )
  return {
    layout: 'padded',
    inputIds: tensor(ids, { dtype: 'int64' }),
    attentionMask: ones([8, 6], { dtype: 'int64' }),
  }
}
