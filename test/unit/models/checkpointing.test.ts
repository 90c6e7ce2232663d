import assert from 'node:assert/strict'
import { prepareModel } from '../../../lib/adapters/index.ts'
import { grad } from '../../../lib/autograd/index.ts'
import { finiteDifference } from '../../../lib/bilevel/index.ts'
import { crossEntropy } from '../../../lib/nn/index.ts'
import { type Batch, type SequenceClassifier, toBatch, useGradientCheckpointing } from '../../../lib/models/index.ts'
import { manualSeed, memoryStats, resetPeakMemory, scope, type Tensor, tensor } from '../../../lib/tensor/index.ts'
import { tinyModel } from './tiny.ts'

/** Four texts, one of them with padding. */
function batchOf(seq: number): { batch: Batch; labels: Tensor } {
  const shape = [4, seq]
  const inputIds = BigInt64Array.from({ length: 4 * seq }, (_, i) => BigInt((i * 7) % 20))
  const attentionMask = BigInt64Array.from({ length: 4 * seq }, (_, i) => (i < seq && i > seq - 3 ? 0n : 1n))
  return {
    batch: toBatch({ layout: 'padded', shape, inputIds, attentionMask }),
    labels: tensor([0, 1, 2, 1], { dtype: 'int64' }),
  }
}

const dropping = { hidden_dropout_prob: 0.2, attention_probs_dropout_prob: 0.2 }
const trainedOf = (model: SequenceClassifier) => model.parameters().filter(parameter => parameter.requiresGrad)
const bytesOf = (tensors: readonly Tensor[]) => tensors.map(one => Buffer.from(one.bytes()).toString('base64'))

describe('gradient checkpointing of a model', () => {
  /** What `compute` gives without and with, from the same random state. */
  function both<T>(model: SequenceClassifier, compute: () => T): [T, T] {
    return [false, true].map(enabled => {
      useGradientCheckpointing(model, enabled)
      manualSeed(3)
      return scope(compute)
    }) as [T, T]
  }

  for (const [name, tune] of [
    ['all weights', model => prepareModel(model, { method: 'full' })],
    [
      'frozen weights with adapters',
      model =>
        prepareModel(model, {
          method: 'bidora',
          rank: 2,
          loraAlpha: 4,
          loraDropout: 0.1,
          targetModules: ['query', 'value', 'dense'],
          magnitudeAxis: 'out',
          detachNorm: false,
        }),
    ],
    ['biases alone', model => prepareModel(model, { method: 'bitfit' })],
  ] as const satisfies readonly [string, (model: SequenceClassifier) => void][]) {
    it(`gives the same loss and gradients to the bit, dropout on: ${name}`, () => {
      const model = scope(() => tinyModel({ ...dropping, num_hidden_layers: 3 }))
      tune(model)
      const [plain, checkpointed] = both(model, () => {
        const { batch, labels } = batchOf(9)
        const loss = crossEntropy(model.forward(batch).logits, labels)
        return bytesOf([loss, ...grad(loss, trainedOf(model))])
      })
      assert.deepEqual(checkpointed, plain)
      model.dispose()
    })
  }

  it('serves a hypergradient by finite differences, to the bit', () => {
    const model = scope(() => tinyModel(dropping))
    prepareModel(model, {
      method: 'bidora',
      rank: 2,
      loraAlpha: 4,
      loraDropout: 0.1,
      targetModules: ['query', 'value'],
      magnitudeAxis: 'in',
      detachNorm: false,
    })
    const upper = model
      .namedParameters()
      .filter(([path]) => path.endsWith('magnitude'))
      .map(([, one]) => one)
    const lower = trainedOf(model).filter(one => !upper.includes(one))
    assert.ok(upper.length === 4 && lower.length > 4)
    const [plain, checkpointed] = both(model, () => {
      const { batch, labels } = batchOf(7)
      const loss = () => crossEntropy(model.forward(batch).logits, labels)
      const problem = { lowerLoss: loss, upperLoss: loss, lowerParameters: lower, upperParameters: upper }
      return bytesOf(finiteDifference(problem, { lowerBatch: null, upperBatch: null }, {}).gradients)
    })
    assert.deepEqual(checkpointed, plain)
    model.dispose()
  })

  it('is off where no gradient is recorded, and says of second derivatives that there are none', () => {
    const model = scope(() => tinyModel())
    model.train(false)
    useGradientCheckpointing(model, true)
    scope(() => {
      const { batch, labels } = batchOf(5)
      const loss = crossEntropy(model.forward(batch).logits, labels)
      assert.throws(() => grad(loss, trainedOf(model), { createGraph: true, allowUnused: true }), {
        code: 'CHECKPOINT_SECOND',
      })
      model.requireGrad(false)
      assert.equal(model.forward(batch).logits.requiresGrad, false)
    })
    model.dispose()
  })

  it('lowers the peak of memory', () => {
    const large = { hidden_size: 64, intermediate_size: 256, num_hidden_layers: 8, max_position_embeddings: 128 }
    const model = scope(() => tinyModel(large))
    prepareModel(model, { method: 'lora', rank: 2, loraAlpha: 4, loraDropout: 0, targetModules: ['query', 'value'] })
    const [plain, checkpointed] = both(model, () => {
      const { batch, labels } = batchOf(128)
      const before = memoryStats().usedBytes
      resetPeakMemory()
      const loss = crossEntropy(model.forward(batch).logits, labels)
      grad(loss, trainedOf(model))
      return memoryStats().peakUsedBytes - before
    })
    assert.ok(checkpointed < plain / 2, `${checkpointed} bytes at the peak against ${plain}`)
    model.dispose()
  })
})
