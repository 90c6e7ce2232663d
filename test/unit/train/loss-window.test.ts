import assert from 'node:assert/strict'
import { BidoraError } from '../../../lib/errors.ts'
import { tensor } from '../../../lib/tensor/index.ts'
import { LossWindow } from '../../../lib/train/loss-window.ts'

const context = (step: number) => ({ where: `search, step ${step}`, learningRate: 0.25, examples: [4, 9] })

describe('LossWindow', () => {
  it('gives means since it was last asked, and leaves out what was not reported', () => {
    const window = new LossWindow()
    window.add({ lowerLoss: tensor(1), upperLoss: tensor(4) }, context(1))
    window.add({ lowerLoss: tensor(2) }, context(2))
    assert.equal(window.takeExamples(), 4)
    assert.deepEqual(window.means(), { lowerLoss: 1.5, upperLoss: 4 })
    assert.deepEqual(window.takeMeans(), { lowerLoss: 1.5, upperLoss: 4 })
    window.add({ lowerLoss: tensor(8) }, context(3))
    assert.deepEqual(window.takeMeans(), { lowerLoss: 8 })
    assert.equal(window.takeExamples(), 2)
  })

  it('goes on from its state to the same means', () => {
    const window = new LossWindow()
    window.add({ lowerLoss: tensor(0.1, { dtype: 'float64' }) }, context(1))
    const resumed = new LossWindow()
    resumed.load(JSON.parse(JSON.stringify(window.state())))
    for (const one of [window, resumed]) one.add({ lowerLoss: tensor(0.7, { dtype: 'float64' }) }, context(2))
    assert.deepEqual(resumed.takeMeans(), window.takeMeans())
  })

  it('names step, learning rate and examples of the first loss that is no number', () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const window = new LossWindow()
      window.add({ lowerLoss: tensor(1) }, context(6))
      window.add({ lowerLoss: tensor(1), upperLoss: tensor(value) }, context(7))
      window.add({ lowerLoss: tensor(value) }, context(8))
      assert.throws(
        () => window.read(),
        (error: unknown) =>
          error instanceof BidoraError &&
          error.code === 'LOSS_NOT_FINITE' &&
          error.message.startsWith(
            `search, step 7: upperLoss must be a finite number, got ${value} (learning rate 0.25, training examples 4, 9)`,
          ),
      )
    }
  })

  it('frees what was not read', () => {
    const window = new LossWindow()
    const loss = tensor(1)
    window.add({ lowerLoss: loss }, context(1))
    window.dispose()
    assert.ok(loss.disposed)
  })
})
