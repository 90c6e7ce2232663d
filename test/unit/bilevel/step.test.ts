import assert from 'node:assert/strict'
import { noGrad } from '../../../lib/autograd/index.ts'
import { type RoundOptions, step } from '../../../lib/bilevel/index.ts'
import { sub_ } from '../../../lib/ops/index.ts'
import { memoryStats, scope, type Tensor } from '../../../lib/tensor/index.ts'
import { POINTS, quadratic } from './quadratic.ts'

const descend = (parameters: readonly Tensor[], rate: number) => (gradients: readonly Tensor[]) =>
  noGrad(() => parameters.forEach((parameter, i) => void sub_(parameter, gradients[i]!, { alpha: rate })))

type Problem = ReturnType<typeof quadratic>
const options = (
  problem: Problem,
  rates: [number, number],
  hypergradient: RoundOptions['hypergradient'] = { method: 'finite-difference' },
): RoundOptions => ({
  hypergradient,
  updateLower: descend(problem.weights, rates[0]),
  updateUpper: descend(problem.lambdas, rates[1]),
})

describe('step', () => {
  it('steps the lower level first, then the upper one at the moved point', () =>
    scope(() => {
      const problem = quadratic()
      const [w, lambda, target] = [1, 0.25, 0] // the first entry of each
      const moved = w - 0.5 * (w - lambda)
      const round = step(
        problem,
        { lowerBatches: [null], upperBatch: null },
        options(problem, [0.5, 0.1], { method: 'exact' }),
      )
      assert.equal((problem.weights[0]!.tolist() as number[])[0], moved)
      assert.ok(Math.abs((problem.lambdas[0]!.tolist() as number[])[0]! - (lambda - 0.1 * (moved - target))) < 1e-15)
      assert.ok(round.upperLoss && round.hypergradientNorm)
      for (const value of [round.lowerLoss, round.upperLoss, round.hypergradientNorm])
        assert.equal(value!.requiresGrad, false)
    }))

  it('calls losses and updates in the order of the official code, with the last lower batch', () =>
    scope(() => {
      const inner = quadratic()
      const calls: string[] = []
      const log = <R>(name: string, result: () => R) => {
        calls.push(name)
        return result()
      }
      step(
        {
          ...inner,
          lowerLoss: (batch: string) => log(`lower ${batch}`, () => inner.lowerLoss(null)),
          upperLoss: (batch: string) => log(`upper ${batch}`, () => inner.upperLoss(null)),
        },
        { lowerBatches: ['a', 'b', 'c'], upperBatch: 'd' },
        {
          hypergradient: { method: 'finite-difference' },
          updateLower: () => calls.push('lower update'),
          updateUpper: () => calls.push('upper update'),
        },
      )
      const lower = ['a', 'b', 'c'].flatMap(batch => [`lower ${batch}`, 'lower update'])
      assert.deepEqual(calls, [...lower, 'upper d', 'lower c', 'lower c', 'upper update'])
    }))

  it('moves nothing by a bit with learning rates 0', () =>
    scope(() => {
      const problem = quadratic('float32')
      const all = [...problem.weights, ...problem.lambdas]
      const before = all.map(value => value.tolist())
      for (let i = 0; i < 10; i++) step(problem, { lowerBatches: [null], upperBatch: null }, options(problem, [0, 0]))
      assert.deepEqual(
        all.map(value => value.tolist()),
        before,
      )
    }))

  it('without an upper batch leaves the upper level alone', () =>
    scope(() => {
      const problem = quadratic()
      const before = problem.lambdas.map(value => value.tolist())
      const round = step(problem, { lowerBatches: [null, null] }, options(problem, [0.5, 0.1]))
      assert.deepEqual(Object.keys(round), ['lowerLoss'])
      assert.deepEqual(
        problem.lambdas.map(value => value.tolist()),
        before,
      )
    }))

  it('refuses a round without lower batches', () =>
    scope(() => {
      const problem = quadratic()
      assert.throws(
        () => step(problem, { lowerBatches: [], upperBatch: null }, options(problem, [0, 0])),
        /at least one lower batch/,
      )
    }))

  it('leaves three scalars behind, also after many rounds, and none where it throws', () =>
    scope(() => {
      const problem = quadratic()
      const before = memoryStats().liveTensors
      for (let i = 0; i < 50; i++) {
        const round = step(problem, { lowerBatches: [null], upperBatch: null }, options(problem, [0.1, 0.1]))
        assert.equal(memoryStats().liveTensors, before + 3)
        for (const value of Object.values(round)) (value as Tensor).dispose()
      }
      const failing = {
        ...options(problem, [0.1, 0.1]),
        updateUpper: () => {
          throw new Error('stop')
        },
      }
      assert.throws(() => step(problem, { lowerBatches: [null], upperBatch: null }, failing), /stop/)
      assert.equal(memoryStats().liveTensors, before)
    }))

  it('finds the solution: lambda goes to the target', () =>
    scope(() => {
      const problem = quadratic()
      for (let i = 0; i < 400; i++)
        scope(() => step(problem, { lowerBatches: [null], upperBatch: null }, options(problem, [0.5, 0.1])))
      problem.lambdas.forEach((lambda, i) =>
        (lambda.tolist() as number[]).forEach((value, k) => assert.ok(Math.abs(value - POINTS.target[i]![k]!) < 1e-6)),
      )
    }))
})
