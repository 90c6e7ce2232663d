import assert from 'node:assert/strict'
import { grad, noGrad } from '../../../lib/autograd/index.ts'
import { ShapeError } from '../../../lib/errors.ts'
import { classificationLoss } from '../../../lib/models/index.ts'
import { useAttentionKernel } from '../../../lib/nn/index.ts'
import { sum } from '../../../lib/ops/index.ts'
import { getRngState, manualSeed, memoryStats, scope, setRngState, tensor } from '../../../lib/tensor/index.ts'
import { tinyModel } from './tiny.ts'

const batch = () => ({
  layout: 'padded' as const,
  inputIds: tensor([
    [1n, 5n, 2n, 0n],
    [1n, 7n, 8n, 2n],
  ]),
  attentionMask: tensor([
    [1n, 1n, 1n, 0n],
    [1n, 1n, 1n, 1n],
  ]),
})

describe('models/classifier', () => {
  it('computes the loss of each problem', () => {
    scope(() => {
      const logits = tensor(
        [
          [0, Math.log(3)],
          [0, 0],
        ],
        { dtype: 'float64' },
      )
      const close = (loss: { item(): number }, expected: number) => assert.ok(Math.abs(loss.item() - expected) < 1e-15)
      close(classificationLoss(logits, tensor([1n, 0n]), 'single-label'), (Math.log(4 / 3) + Math.log(2)) / 2)
      const several = tensor(
        [
          [0, 1],
          [1, 1],
        ],
        { dtype: 'float64' },
      )
      close(classificationLoss(logits, several, 'multi-label'), (3 * Math.log(2) + Math.log(4 / 3)) / 4)
      close(classificationLoss(logits, several, 'regression'), ((Math.log(3) - 1) ** 2 + 2) / 4)
      const one = tensor([[2], [5]], { dtype: 'float64' })
      close(classificationLoss(one, tensor([1, 7], { dtype: 'float64' }), 'regression'), 2.5)
      assert.throws(() => classificationLoss(logits, tensor([1, 0], { dtype: 'float64' }), 'regression'), ShapeError)
      assert.throws(() => classificationLoss(logits, tensor([1, 0], { dtype: 'float64' }), 'multi-label'), ShapeError)
    })
  })

  it('drops in training by the environment generator, and repeats it with the state restored', () => {
    const model = tinyModel({ hidden_dropout_prob: 0.2, attention_probs_dropout_prob: 0.2 })
    scope(() => {
      const input = batch()
      const run = () => noGrad(() => model.forward(input)).logits.tolist()
      const quiet = run()
      assert.deepEqual(run(), quiet)
      model.train()
      manualSeed(4)
      const state = getRngState()
      const first = run()
      assert.notDeepEqual(first, quiet)
      assert.notDeepEqual(run(), first)
      setRngState(state)
      assert.deepEqual(run(), first)
      assert.deepEqual(model.train(false) && run(), quiet)
    })
    model.dispose()
  })

  it('has second derivatives with the explicit kernel', () => {
    const model = tinyModel({}, { dtype: 'float64' })
    useAttentionKernel(model, 'explicit')
    scope(() => {
      const query = model
        .namedParameters()
        .filter(([path]) => path.endsWith('query.weight'))
        .map(([, weight]) => weight)
      const loss = classificationLoss(model.forward(batch()).logits, tensor([1n, 2n]), 'single-label')
      const first = grad(loss, query, { createGraph: true })
      const second = grad(sum(first[0]!.square()), query)
      assert.ok(second.every(part => Number(part.abs().max().item()) > 0))
    })
    model.dispose()
  })

  it('holds no tensors between steps', () => {
    const model = tinyModel()
    const parameters = model.parameters()
    const step = () =>
      scope(() => {
        const loss = classificationLoss(model.forward(batch()).logits, tensor([1n, 2n]), 'single-label')
        grad(loss, parameters)
      })
    step()
    const before = memoryStats().liveTensors
    for (let i = 0; i < 5; i++) step()
    assert.equal(memoryStats().liveTensors, before)
    model.dispose()
  })
})
