import assert from 'node:assert/strict'
import {
  adaptedLayers,
  forgetConstants,
  type MagnitudeAxis,
  orthogonality,
  prepareModel,
  trainableParameters,
} from '../../lib/adapters/index.ts'
import { noGrad } from '../../lib/autograd/index.ts'
import { hypergradient, type MethodChoice } from '../../lib/bilevel/index.ts'
import { type Batch, createModel } from '../../lib/models/index.ts'
import { useAttentionKernel } from '../../lib/nn/index.ts'
import { crossEntropyLoss, mul, normal_, ones, square, sub, sum } from '../../lib/ops/index.ts'
import { manualSeed, scope, type Tensor, tensor } from '../../lib/tensor/index.ts'

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

const norm = (list: Tensor[]): number =>
  Math.sqrt(list.reduce((total, value) => total + (sum(square(value)).item() as number), 0))

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

// The whole way of the search on a transformer with every linear layer adapted: a central difference whose error falls
// with the square of its radius has a true mixed derivative as its limit.
describe('hypergradient of an adapted transformer: finite-difference approaches exact (float64)', () => {
  for (const magnitudeAxis of ['out', 'in'] as MagnitudeAxis[]) {
    for (const dropout of [0, 0.1]) {
      it(`axis ${magnitudeAxis}, dropout ${dropout}`, () => {
        manualSeed(1)
        const model = createModel(
          { ...base, hidden_dropout_prob: dropout, attention_probs_dropout_prob: dropout },
          { dtype: 'float64' },
        )
        prepareModel(model, { method: 'bidora', rank: 2, loraAlpha: 4, targetModules: 'all-linear', magnitudeAxis })
        useAttentionKernel(model, 'explicit')
        model.train()
        const layers = [...adaptedLayers(model).values()]
        const { lower, upper } = trainableParameters(model)
        noGrad(() => scope(() => layers.forEach(({ loraB }) => void normal_(loraB, { std: 0.05 }))))
        scope(() => {
          const labels = tensor([0, 1, 0, 1, 1, 0, 1, 0], { dtype: 'int64' })
          const upperLoss = (batch: Batch) => crossEntropyLoss(model.forward(batch).logits, labels)
          const problem = {
            lowerLoss: (batch: Batch) => upperLoss(batch).add(mul(orthogonality(layers), 1e-2)),
            upperLoss,
            lowerParameters: lower.map(([, parameter]) => parameter),
            upperParameters: upper.map(([, parameter]) => parameter),
          }
          const batches = { lowerBatch: batchOf(7), upperBatch: batchOf(11) }
          const of = (choice: MethodChoice) => {
            manualSeed(2)
            return hypergradient(problem, { ...batches, ...choice })
          }
          const exact = of({ method: 'exact' })
          const difference = (choice: MethodChoice) => norm(of(choice).map((value, i) => sub(value, exact[i]!)))
          const implicit = difference({ method: 'first-order' })
          assert.ok(implicit > 0.05 * norm(exact), 'the implicit term matters here')
          const errors = [0.1, 0.01, 0.001].map(
            radius => difference({ method: 'finite-difference', radius }) / implicit,
          )
          assert.ok(errors[0]! < 0.1 && errors[1]! < errors[0]! / 50 && errors[2]! < errors[1]! / 50, errors.join(' '))
        })
        for (const { weight } of layers) forgetConstants(weight)
        model.dispose()
      })
    }
  }
})
