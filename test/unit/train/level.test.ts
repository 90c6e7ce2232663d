import assert from 'node:assert/strict'
import * as ops from '../../../lib/ops/index.ts'
import { scope, tensor } from '../../../lib/tensor/index.ts'
import { Level, type LevelOptions, type NamedParameter } from '../../../lib/train/level.ts'

const leaf = (value: number) => tensor([value], { dtype: 'float64', requiresGrad: true })
const options = (parameters: NamedParameter[], more: Partial<LevelOptions> = {}): LevelOptions => ({
  parameters,
  schedule: { kind: 'linear', learningRate: 0.5, steps: 4, warmupSteps: 1 },
  decayOf: () => 0,
  clip: 0,
  betas: [0, 0],
  eps: 1e-300,
  ...more,
})

describe('Level', () => {
  it('steps at the rates of its schedule', () => {
    scope(() => {
      const parameter = leaf(0)
      const level = new Level(options([['p', parameter]]))
      const values: number[] = []
      const rates: number[] = []
      for (let step = 0; step < 4; step++) {
        rates.push(level.learningRate)
        level.update([tensor([1], { dtype: 'float64' })])
        assert.equal(level.lastLearningRate, rates[step])
        values.push(parameter.item())
      }
      assert.deepEqual(rates, [0, 0.5, 0.5 * (2 / 3), 0.5 / 3])
      // With both decays at 0 every step of Adam is the rate itself.
      rates.reduce((sum, rate, step) => {
        assert.ok(Math.abs(values[step]! + sum + rate) < 1e-12)
        return sum + rate
      }, 0)
      level.dispose()
    })
  })

  it('goes on from its state', () => {
    scope(() => {
      const run = (reload: boolean) => {
        const parameter = leaf(1)
        let level = new Level(options([['p', parameter]], { betas: [0.9, 0.99] }))
        for (let step = 0; step < 4; step++) {
          if (reload && step === 2) {
            const { tensors, numbers } = level.state()
            const copies = Object.fromEntries(Object.entries(tensors).map(([key, value]) => [key, ops.clone(value)]))
            level.dispose()
            level = new Level(options([['p', parameter]], { betas: [0.9, 0.99] }))
            level.load({ tensors: copies, numbers })
          }
          level.update([tensor([step - 1.5], { dtype: 'float64' })])
        }
        level.dispose()
        return parameter.item()
      }
      assert.equal(run(true), run(false))
    })
  })

  it('orders parameters by decay, and gradients follow that order', () => {
    scope(() => {
      const [a, b, c] = [leaf(1), leaf(2), leaf(3)]
      const decays = new Map([
        [a, 0.1],
        [b, 0],
        [c, 0.1],
      ])
      const level = new Level(
        options(
          [
            ['a', a],
            ['b', b],
            ['c', c],
          ],
          {
            decayOf: parameter => decays.get(parameter)!,
            schedule: { kind: 'constant', learningRate: 0.5, steps: 1, warmupSteps: 0 },
          },
        ),
      )
      assert.deepEqual(level.names, ['a', 'c', 'b'])
      level.update([null, null, tensor([1], { dtype: 'float64' })])
      assert.deepEqual([a.item(), b.item(), c.item()], [1, 1.5, 3])
      level.dispose()
    })
  })

  it('clips the gradients of all parameters together', () => {
    scope(() => {
      const [a, b] = [leaf(0), leaf(0)]
      const named: NamedParameter[] = [
        ['a', a],
        ['b', b],
      ]
      const level = new Level(options(named, { clip: 1, betas: [0, 0] }))
      const gradients = [tensor([3], { dtype: 'float64' }), tensor([4], { dtype: 'float64' })]
      level.update(gradients)
      assert.ok(Math.abs(gradients[0]!.item() - 0.6) < 1e-6)
      assert.ok(Math.abs(gradients[1]!.item() - 0.8) < 1e-6)
      level.update([null, tensor([0.5], { dtype: 'float64' })])
      level.dispose()
    })
  })

  it('goes back to where it was marked: point, moments, counts and rate; the rate rests in between', () => {
    scope(() => {
      const run = (inner: readonly number[]) => {
        const parameter = leaf(1)
        const level = new Level(options([['p', parameter]], { betas: [0.9, 0.99], keepsGradients: true }))
        const rates: number[] = []
        for (const gradient of [2, -1, 0.5]) {
          if (inner.length > 0) {
            const goBack = level.mark()
            for (const one of inner) {
              rates.push(level.learningRate)
              level.update([tensor([one], { dtype: 'float64' })])
              assert.equal(level.lastLearningRate, rates.at(-1))
            }
            goBack()
          }
          rates.push(level.learningRate)
          level.update([tensor([gradient], { dtype: 'float64' })])
        }
        const state = level.state()
        const values = Object.values(state.tensors).map(value => value.item())
        level.dispose()
        return { result: [parameter.item(), values, state.numbers], rates }
      }
      const [plain, marked] = [run([]), run([7, -3])]
      assert.deepEqual(marked.result, plain.result)
      assert.deepEqual(
        marked.rates,
        plain.rates.flatMap(rate => [rate, rate, rate]),
      )
    })
  })

  it('tells of its last step: moments after it, the clipped gradient, the rate it was made at', () => {
    scope(() => {
      const [a, b] = [leaf(0), leaf(0)]
      const betas = [0.9, 0.75] as const
      const level = new Level(
        options(
          [
            ['a', a],
            ['b', b],
          ],
          {
            betas,
            clip: 1,
            keepsGradients: true,
            schedule: { kind: 'linear', learningRate: 0.5, steps: 4, warmupSteps: 0 },
          },
        ),
      )
      assert.deepEqual(
        level.lastStep().gradient.map(value => value.item()),
        [0, 0],
      )
      for (let step = 0; step < 2; step++)
        level.update([tensor([3], { dtype: 'float64' }), tensor([4], { dtype: 'float64' })])
      const { expAvg, expAvgSq, gradient, learningRate, ...rest } = level.lastStep()
      const near = (values: typeof gradient, wanted: number[]) =>
        values.forEach((value, i) => assert.ok(Math.abs(value.item() - wanted[i]!) < 1e-6, `${value.item()}`))
      near(gradient, [0.6, 0.8])
      near(expAvg, [0.6 * 0.19, 0.8 * 0.19])
      near(expAvgSq, [0.36 * (0.25 + 0.25 * 0.75), 0.64 * (0.25 + 0.25 * 0.75)])
      assert.equal(learningRate, 0.375)
      assert.deepEqual(rest, { betas, eps: 1e-300 })
      level.dispose()
    })
  })
})
