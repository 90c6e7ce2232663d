import assert from 'node:assert/strict'
import {
  adaptedLayers,
  forgetConstants,
  type MagnitudeAxis,
  orthogonality,
  prepareModel,
  trainableParameters,
} from '../../lib/adapters/index.ts'
import { grad, noGrad } from '../../lib/autograd/index.ts'
import { type BilevelProblem, hypergradient, type MethodChoice } from '../../lib/bilevel/index.ts'
import { type Batch, createModel } from '../../lib/models/index.ts'
import { useAttentionKernel } from '../../lib/nn/index.ts'
import {
  clone,
  crossEntropyLoss,
  foreachAdd,
  foreachCopy_,
  mul,
  normal_,
  ones,
  randn,
  square,
  sub,
  sum,
} from '../../lib/ops/index.ts'
import { AdamW, differentiableAdamW } from '../../lib/optim/index.ts'
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

/** A two-layer transformer with every linear layer adapted, away from its start, as a problem of two levels. */
function withTransformer(
  { magnitudeAxis, dropout }: { magnitudeAxis: MagnitudeAxis; dropout: number },
  fn: (problem: BilevelProblem<Batch>, batches: { lowerBatch: Batch; upperBatch: Batch }) => void,
): void {
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
    fn(problem, { lowerBatch: batchOf(7), upperBatch: batchOf(11) })
  })
  for (const { weight } of layers) forgetConstants(weight)
  model.dispose()
}

const places = (['out', 'in'] as const).flatMap(magnitudeAxis => [0, 0.1].map(dropout => ({ magnitudeAxis, dropout })))

// The whole way of the search on a transformer with every linear layer adapted: a central difference whose error falls
// with the square of its radius has a true mixed derivative as its limit.
describe('hypergradient of an adapted transformer: finite-difference approaches exact (float64)', () => {
  for (const place of places) {
    it(`axis ${place.magnitudeAxis}, dropout ${place.dropout}`, () =>
      withTransformer(place, (problem, batches) => {
        const of = (choice: MethodChoice) => {
          manualSeed(2)
          return hypergradient(problem, { ...batches, ...choice })
        }
        const exact = of({ method: 'exact' })
        const difference = (choice: MethodChoice) => norm(of(choice).map((value, i) => sub(value, exact[i]!)))
        const implicit = difference({ method: 'first-order' })
        assert.ok(implicit > 0.05 * norm(exact), 'the implicit term matters here')
        const errors = [0.1, 0.01, 0.001].map(radius => difference({ method: 'finite-difference', radius }) / implicit)
        assert.ok(errors[0]! < 0.1 && errors[1]! < errors[0]! / 50 && errors[2]! < errors[1]! / 50, errors.join(' '))
      }))
  }
})

describe('hypergradient of an adapted transformer: unrolled is the derivative of real AdamW steps (float64)', () => {
  for (const place of [places[1]!, places[2]!]) {
    it(`axis ${place.magnitudeAxis}, dropout ${place.dropout}`, () =>
      withTransformer(place, (problem, { lowerBatch, upperBatch }) => {
        const { lowerParameters, upperParameters } = problem
        const batches = [lowerBatch, upperBatch]
        const options = { learningRate: 0.02, weightDecay: 0.1, eps: 1e-3 }
        const copies = (list: readonly Tensor[]) => noGrad(() => list.map(value => clone(value)))
        const [lowerStart, upperStart] = [copies(lowerParameters), copies(upperParameters)]
        const put = (list: readonly Tensor[], values: readonly Tensor[]) =>
          noGrad(() => void foreachCopy_(list, values))
        const direction = copies(upperParameters).map(value => randn(value.shape, { dtype: 'float64' }))
        /** The upper loss after the real steps, with the magnitudes moved along the direction. */
        const lossAt = (offset: number) =>
          scope(() => {
            manualSeed(2)
            const { learningRate, ...others } = options
            const optimizer = new AdamW([{ parameters: lowerParameters, learningRate }], others)
            put(upperParameters, foreachAdd(upperStart, direction, { alpha: offset }))
            for (const batch of batches)
              optimizer.step(grad(problem.lowerLoss(batch), lowerParameters, { allowUnused: true }))
            const value = problem.upperLoss(upperBatch).item() as number
            optimizer.dispose()
            put(lowerParameters, lowerStart)
            put(upperParameters, upperStart)
            return value
          })
        manualSeed(2)
        const update = differentiableAdamW(options)
        const gradients = hypergradient(problem, {
          lowerBatch: batches,
          upperBatch,
          method: 'unrolled',
          update,
          steps: 2,
        })
        const along = gradients.reduce((total, g, i) => total + (sum(mul(g, direction[i]!)).item() as number), 0)
        const [wide, close] = [3e-4, 3e-5].map(step => (lossAt(step) - lossAt(-step)) / (2 * step))
        const [first, second] = [Math.abs(wide! - along), Math.abs(close! - along)]
        assert.ok(second < 1e-5 * Math.abs(along) && second < first / 30, `${along} ${wide} ${close}`)
      }))
  }
})
