import assert from 'node:assert/strict'
import { hypergradient, METHOD_NAMES, type MethodChoice } from '../../../lib/bilevel/index.ts'
import { ArgumentError, TorchError } from '../../../lib/errors.ts'
import { add, mul, sum } from '../../../lib/ops/index.ts'
import { memoryStats, scope, type Tensor, tensor } from '../../../lib/tensor/index.ts'
import { choices } from './choices.ts'
import { quadratic } from './quadratic.ts'

const batches = { lowerBatch: null, upperBatch: null }
const double = (values: number[], requiresGrad = true): Tensor => tensor(values, { dtype: 'float64', requiresGrad })

describe('hypergradient', () => {
  it('is w - target on the quadratic problem, whatever the radius', () =>
    scope(() => {
      const problem = quadratic()
      const choices: MethodChoice[] = [
        { method: 'exact' },
        ...[10, 1, 0.01, 1e-4].map(radius => ({ method: 'finite-difference', radius }) as const),
      ]
      for (const choice of choices) {
        const gradients = hypergradient(problem, { ...batches, ...choice })
        gradients.forEach((gradient, i) =>
          (gradient.tolist() as number[]).forEach((value, k) =>
            assert.ok(Math.abs(value - problem.expected[i]![k]!) < 1e-9, `${JSON.stringify(choice)}: ${value}`),
          ),
        )
      }
    }))

  it('is the direct gradient alone with first-order: zero there', () =>
    scope(() => {
      const gradients = hypergradient(quadratic(), { ...batches, method: 'first-order' })
      assert.deepEqual(
        gradients.map(gradient => gradient.tolist()),
        [
          [0, 0],
          [0, 0, 0],
        ],
      )
    }))

  it('gives zeros for parameters that a loss does not use, of their shape and type', () =>
    scope(() => {
      for (const method of METHOD_NAMES) {
        const problem = quadratic()
        const idle = [double([1, 2, 3]), double([4])]
        const lowerParameters = [idle[0]!, ...problem.lowerParameters]
        const upperParameters = [...problem.upperParameters, idle[1]!]
        const wider = { ...problem, lowerParameters, upperParameters }
        const gradients = hypergradient(wider, { ...batches, ...choices(lowerParameters)[method] })
        assert.deepEqual(gradients[2]!.tolist(), [0], method)
        assert.equal(gradients[2]!.dtype, 'float64')
        const usual = hypergradient(problem, { ...batches, ...choices(problem.lowerParameters)[method] })
        assert.deepEqual(gradients[0]!.tolist(), usual[0]!.tolist(), method)
      }
    }))

  it('with no gradient towards the lower level is the direct gradient', () =>
    scope(() => {
      const [w, m] = [double([1, 2]), double([3, 4])]
      const problem = {
        lowerLoss: () => sum(mul(w, m)),
        upperLoss: () => sum(mul(m, m)),
        lowerParameters: [w],
        upperParameters: [m],
      }
      for (const choice of Object.values(choices([w])))
        assert.deepEqual(hypergradient(problem, { ...batches, ...choice })[0]!.tolist(), [6, 8], choice.method)
    }))

  it('leaves exactly its results behind', () => {
    scope(() => {
      const problem = quadratic()
      for (const choice of Object.values(choices(problem.lowerParameters))) {
        const before = memoryStats().liveTensors
        const gradients = hypergradient(problem, { ...batches, ...choice })
        assert.equal(memoryStats().liveTensors - before, gradients.length, choice.method)
      }
    })
  })

  describe('refuses', () => {
    const check = (change: (problem: ReturnType<typeof quadratic>) => object, expected: RegExp) =>
      scope(() => {
        const problem = quadratic()
        assert.throws(
          () => hypergradient({ ...problem, ...change(problem) }, { ...batches, method: 'exact' }),
          (error: Error) => error instanceof ArgumentError && expected.test(error.message),
        )
      })

    it('an unknown method, and names the known ones', () =>
      scope(() => {
        assert.throws(
          () => hypergradient(quadratic(), { ...batches, method: 'darts' } as never),
          /first-order, finite-difference, exact, neumann, conjugate-gradient, unrolled, sama, got 'darts'/,
        )
        assert.throws(() => hypergradient(quadratic(), { ...batches, method: 'toString' } as never), ArgumentError)
      }))
    it('a radius that is none', () =>
      scope(() => {
        for (const radius of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
          assert.throws(
            () => hypergradient(quadratic(), { ...batches, method: 'finite-difference', radius }),
            /expected a radius above 0/,
          )
        }
      }))
    it('an empty level', () => check(() => ({ upperParameters: [] }), /at least one tensor in upperParameters/))
    it('a parameter at both levels', () =>
      check(problem => ({ upperParameters: problem.lowerParameters }), /upperParameters\[0\] stands twice/))
    it('a parameter that is no leaf', () =>
      check(problem => ({ lowerParameters: [mul(problem.weights[0]!, 1)] }), /lowerParameters\[0\] is no leaf/))
    it('a parameter without gradient', () =>
      check(() => ({ lowerParameters: [double([1], false)] }), /requires a gradient/))
    it('a loss that is no scalar', () =>
      check(
        problem => ({ upperLoss: () => mul(problem.weights[0]!, 2) }),
        /upperLoss: expected a scalar, got shape \[2\]/,
      ))
    it('a loss of no parameter', () =>
      check(() => ({ lowerLoss: () => double([1], false).sum() }), /lowerLoss: expected a loss made of the parameters/))
  })

  it('names what is not finite', () =>
    scope(() => {
      const problem = quadratic()
      const infinite = (loss: Tensor) => add(loss, Number.POSITIVE_INFINITY)
      assert.throws(
        () =>
          hypergradient(
            { ...problem, upperLoss: () => mul(infinite(problem.upperLoss(null)), Number.NaN) },
            { ...batches, method: 'finite-difference' },
          ),
        (error: TorchError) => error instanceof TorchError && /upperLoss is NaN/.test(error.message),
      )
      const broken = {
        ...problem,
        upperNames: ['first', 'second'],
        lowerLoss: () =>
          add(problem.lowerLoss(null), mul(sum(problem.lambdas[1]!.mul(problem.weights[1]!)), Number.NaN)),
      }
      assert.throws(
        () => hypergradient(broken, { ...batches, method: 'exact' }),
        (error: TorchError) =>
          error instanceof TorchError &&
          /the gradient of second is not finite/.test(error.message) &&
          !error.message.includes('first,'),
      )
      // An upper loss may be infinite in value alone; what counts is the gradient.
      assert.doesNotThrow(() =>
        hypergradient(
          { ...problem, upperLoss: () => infinite(problem.upperLoss(null)) },
          { ...batches, method: 'exact' },
        ),
      )
    }))
})
