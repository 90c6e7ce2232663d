import assert from 'node:assert/strict'
import { prepareModel } from '../../lib/adapters/index.ts'
import {
  type Batch,
  createModel,
  type SequenceClassifier,
  toBatch,
  useGradientCheckpointing,
} from '../../lib/models/index.ts'
import { crossEntropy } from '../../lib/nn/index.ts'
import { autocast, checkpoint, cuda, grad, manualSeed, scope, type Tensor, tensor } from '../../lib/torch.ts'
import * as ops from '../../lib/ops/index.ts'
import { describeOnCuda, describeOnDevice, device } from './device.ts'

/** A BERT with dropout and adapters on the device, and a batch for it. */
function adapted(changes: object = {}): SequenceClassifier {
  const config = {
    model_type: 'bert',
    vocab_size: 20,
    hidden_size: 16,
    num_hidden_layers: 3,
    num_attention_heads: 2,
    intermediate_size: 24,
    max_position_embeddings: 128,
    id2label: { 0: 'ham', 1: 'spam' },
    ...changes,
  }
  const model = scope(() => createModel(config, { device }))
  const tuning = { rank: 2, loraAlpha: 4, loraDropout: 0.1, targetModules: ['query', 'value'] }
  prepareModel(model, { method: 'bidora', ...tuning, magnitudeAxis: 'out', detachNorm: false })
  return model
}

function batchOf(texts: number, seq: number): { batch: Batch; labels: Tensor } {
  const inputIds = BigInt64Array.from({ length: texts * seq }, (_, i) => BigInt((i * 7) % 20))
  const attentionMask = BigInt64Array.from({ length: texts * seq }, (_, i) => (i < seq && i > seq - 3 ? 0n : 1n))
  return {
    batch: toBatch({ layout: 'padded', shape: [texts, seq], inputIds, attentionMask }, device),
    labels: tensor(
      Array.from({ length: texts }, (_, i) => i % 2),
      { dtype: 'int64', device },
    ),
  }
}

const trainedOf = (model: SequenceClassifier) => model.parameters().filter(parameter => parameter.requiresGrad)

describeOnDevice('gradient checkpointing', () => {
  for (const precision of [undefined, 'bfloat16'] as const) {
    it(`gives the same bits as without, dropout on, precision ${precision ?? 'float32'}`, () => {
      const model = adapted()
      const [plain, checkpointed] = [false, true].map(enabled =>
        scope(() => {
          useGradientCheckpointing(model, enabled)
          manualSeed(4)
          const { batch, labels } = batchOf(3, 9)
          const forward = () => model.forward(batch).logits
          const logits = precision ? autocast(precision, forward) : forward()
          const loss = crossEntropy(ops.to(logits, { dtype: 'float32' }), labels)
          return [loss, ...grad(loss, trainedOf(model))].map(one => one.tolist())
        }),
      )
      assert.deepEqual(checkpointed, plain)
      model.dispose()
    })
  }

  it('runs the backward on the thread of JavaScript, whose errors come through, and works afterwards', () =>
    scope(() => {
      const fault = new RangeError('mine')
      let runs = 0
      const x = ops.ones([2], { device })
      x.requiresGrad = true
      const run = (input: Tensor) => {
        if (++runs === 2) throw fault
        return ops.square(input)
      }
      const loss = ops.sum(checkpoint(run, [x]))
      assert.throws(
        () => grad(loss, [x], { retainGraph: true }),
        error => error === fault,
      )
      assert.deepEqual(grad(loss, [x])[0]!.tolist(), [2, 2])
    }))
})

describeOnCuda('controls of a training', () => {
  it('gradient checkpointing lowers the peak of memory', () => {
    const model = adapted({ hidden_size: 64, intermediate_size: 256, num_hidden_layers: 8 })
    const peak = (enabled: boolean) =>
      scope(() => {
        useGradientCheckpointing(model, enabled)
        const { batch, labels } = batchOf(16, 128)
        const before = cuda.memory(device).allocatedBytes
        cuda.resetPeakMemory(device)
        grad(crossEntropy(model.forward(batch).logits, labels), trainedOf(model))
        return cuda.memory(device).peakAllocatedBytes - before
      })
    peak(false) // workspaces of libraries
    const [plain, checkpointed] = [peak(false), peak(true)]
    assert.ok(checkpointed < plain / 2, `${checkpointed} bytes at the peak against ${plain}`)
    model.dispose()
  })

  it("autocast keeps to PyTorch's lists for CUDA: products narrow; softmax, norms and losses wide", () =>
    scope(() => {
      const [x, w] = [ops.randn([4, 8], { device }), ops.randn([8, 8], { device })]
      const labels = tensor([0, 1, 2, 3], { dtype: 'int64', device })
      const dtypes = autocast('bfloat16', () => {
        const product = ops.matmul(x, w)
        const wide = [ops.softmax(product, -1), ops.layerNorm(product, [8]), ops.crossEntropyLoss(product, labels)]
        return [product, ops.linear(x, w), ...wide].map(one => one.dtype)
      })
      assert.deepEqual(dtypes, ['bfloat16', 'bfloat16', 'float32', 'float32', 'float32'])
      assert.equal(
        autocast('bfloat16', () => ops.matmul(x, w).dtype, { device: 'cpu' }),
        'float32',
      )
    }))
})
