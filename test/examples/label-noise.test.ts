import assert from 'node:assert/strict'
import { scope } from '../../lib/tensor/index.ts'
import { type Rows, toRows } from './head.ts'
import { compare, generatedTask, learnWeights } from './label-noise.ts'
import { means } from './script.ts'

describe('example: weights of examples under label noise (blobs)', () => {
  it('win back more than half of what the wrong labels cost', () => {
    const got = means([0, 1, 2].map(seed => compare(generatedTask(seed), { seed })))
    const cost = got.cleanLabels - got.noisy
    assert.ok(cost >= 4, `wrong labels cost ${cost} points`)
    for (const name of ['reweighted', 'retrained'] as const) {
      assert.ok(got[name] - got.noisy >= cost / 2, `${name}: ${got[name]} from ${got.noisy} of ${got.cleanLabels}`)
      assert.ok(got[name] > Math.max(got.noisyAndClean, got.cleanAlone), `${name}: ${JSON.stringify(got)}`)
    }
    assert.ok(got.weightOfWrong < 0.25 && got.weightOfRight > 0.75, JSON.stringify(got))
  })

  it('do not move by first-order: the upper loss does not contain them', () =>
    scope(() => {
      const { rows, clean, learningRate } = generatedTask(0)
      const [noisy, few] = [rows, clean].map(toRows) as [Rows, Rows]
      const found = learnWeights(noisy, few, { seed: 0, steps: 3, learningRate, method: { method: 'first-order' } })
      found.head.dispose()
      assert.ok((found.weights.tolist() as number[]).every(weight => weight === 0.5))
    }))
})
