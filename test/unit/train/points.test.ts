import assert from 'node:assert/strict'
import { BidoraError } from '../../../lib/errors.ts'
import * as ops from '../../../lib/ops/index.ts'
import { scope, tensor } from '../../../lib/tensor/index.ts'
import type { NamedParameter } from '../../../lib/train/level.ts'
import { Points } from '../../../lib/train/points.ts'

describe('Points', () => {
  const value = (numbers: number[]) => tensor(numbers, { dtype: 'float32', requiresGrad: true })

  it('gives parameters back what they were, and is not changed with them', () => {
    scope(() => {
      const parameters: NamedParameter[] = [['p', value([1, 2])], ['q', value([3])]] // biome-ignore format: pairs
      const points = new Points()
      points.remember('start', parameters)
      for (const [, parameter] of parameters) ops.mul_(parameter.detach(), 5)
      points.restore('start', parameters.slice(0, 1))
      assert.deepEqual(
        parameters.map(([, parameter]) => parameter.tolist()),
        [[1, 2], [15]],
      )
      points.forget('start')
      assert.throws(
        () => points.restore('start', parameters),
        (error: unknown) => error instanceof BidoraError && /values of p at 'start', got none/.test(error.message),
      )
    })
  })

  it('means are taken in float64 and rounded once', () => {
    scope(() => {
      const parameter = value([0])
      const points = new Points()
      const numbers = [1e8, 1, 1, 0.1].map(Math.fround)
      for (const one of numbers) {
        ops.fill_(parameter.detach(), one)
        points.add('folds', [['p', parameter]])
      }
      points.restoreMean('folds', [['p', parameter]])
      assert.deepEqual(parameter.tolist(), [Math.fround(numbers.reduce((sum, one) => sum + one, 0) / 4)])
      points.dispose()
    })
  })

  it('goes on from what a checkpoint holds, and leaves alone what is not its own', () => {
    scope(() => {
      const parameter = value([1])
      const [saved, resumed] = [new Points(), new Points()]
      saved.remember('start', [['p', parameter]])
      saved.remember('chosen', [['p', parameter]], 0.25)
      saved.add('folds', [['p', parameter]])
      const others = new Map([['parameters.p', parameter], ['lower.0.expAvg', parameter]]) // biome-ignore format: pairs
      resumed.remember('best', [['p', parameter]])
      resumed.load(new Map([...others, ...saved.tensors()]), JSON.parse(JSON.stringify(saved.numbers())), 'cpu')
      assert.deepEqual([...resumed.tensors().keys()], ['start.p', 'chosen.p', 'folds.p'])
      assert.equal(resumed.number('chosen'), 0.25)
      assert.ok(!resumed.has('best'))
      ops.fill_(parameter.detach(), 4)
      for (const points of [saved, resumed]) {
        points.add('folds', [['p', parameter]])
        const target = value([0])
        points.restoreMean('folds', [['p', target]])
        assert.deepEqual(target.tolist(), [2.5])
        points.dispose()
      }
    })
  })
})
