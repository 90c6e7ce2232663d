import assert from 'node:assert/strict'
import { autocast } from '../../../lib/autograd/index.ts'
import { hypergradient, type MethodChoice } from '../../../lib/bilevel/index.ts'
import { dropout } from '../../../lib/nn/index.ts'
import { add, clone, linear, mean, mul, randn, square, sub, sum, tanh } from '../../../lib/ops/index.ts'
import { getRngState, manualSeed, memoryStats, scope, type Tensor, tensor } from '../../../lib/tensor/index.ts'
import { quadratic } from './quadratic.ts'

const batches = { lowerBatch: null, upperBatch: null }

/** A small network with dropout in its lower loss: lower weights, upper gains. */
function network(probability: number, dtype: 'float64' | 'float32' = 'float64') {
  const make = (shape: number[], requiresGrad = true) => {
    const value = randn(shape, { dtype })
    value.requiresGrad = requiresGrad
    return value
  }
  const [first, second, gain] = [make([16, 8]), make([4, 16]), make([16])]
  const [x, y] = [make([32, 8], false), make([32, 4], false)]
  const forward = (p: number) => linear(dropout(tanh(mul(linear(x, first), gain)), p), second)
  const loss = (p: number) => mean(square(sub(forward(p), y)))
  const evaluations = { count: 0 }
  const problem = {
    lowerLoss: () => {
      evaluations.count++
      return loss(probability)
    },
    upperLoss: () => loss(0),
    lowerParameters: [first, second],
    upperParameters: [gain],
  }
  return { problem, evaluations, parameters: [first, second, gain] }
}

function relativeError(got: Tensor, expected: Tensor): number {
  const norm = (x: Tensor) => Math.sqrt(sum(square(x)).item() as number)
  return norm(sub(got, expected)) / norm(expected)
}

const bytes = (tensors: Tensor[]) =>
  tensors.map(value => Buffer.from((value.data() as Float64Array).slice().buffer).toString('hex'))

describe('finite-difference', () => {
  for (const probability of [0, 0.1, 0.5]) {
    it(`approaches exact as the radius shrinks, dropout ${probability}: both evaluations draw the same masks`, () =>
      scope(() => {
        manualSeed(3)
        const { problem } = network(probability)
        const gradient = (choice: MethodChoice) => {
          manualSeed(11) // the masks of `exact` too
          return hypergradient(problem, { ...batches, ...choice })[0]!
        }
        const exact = gradient({ method: 'exact' })
        const errors = [0.1, 0.01, 0.001].map(radius =>
          relativeError(gradient({ method: 'finite-difference', radius }), exact),
        )
        // The error of a central difference falls with the square of the radius; fresh masks would give 100 % and more.
        assert.ok(errors[1]! < 1e-3 && errors[2]! < 1e-5, errors.join(' '))
        assert.ok(errors[0]! / errors[1]! > 50 && errors[1]! / errors[2]! > 50, errors.join(' '))
      }))
  }

  it('with freshMasks both ends draw masks of their own, whose noise is divided by 2 epsilon, as Betty has it', () =>
    scope(() => {
      manualSeed(3)
      const { problem } = network(0.1)
      const gradient = (how: object, choice: MethodChoice) => {
        manualSeed(11)
        return hypergradient({ ...problem, ...how }, { ...batches, ...choice })[0]!
      }
      const exact = gradient({}, { method: 'exact' })
      const errorOf = (radius: number) =>
        relativeError(gradient({ freshMasks: true }, { method: 'finite-difference', radius }), exact)
      assert.ok(errorOf(0.01) > 1, String(errorOf(0.01)))
      assert.ok(errorOf(0.001) > 5 * errorOf(0.01), `${errorOf(0.001)} ${errorOf(0.01)}`)
    }))

  it('leaves the generator where one evaluation of each loss leaves it', () =>
    scope(() => {
      manualSeed(5)
      const { problem, evaluations } = network(0.5)
      manualSeed(6)
      problem.lowerLoss()
      const expected = Buffer.from(getRngState()).toString('hex')
      manualSeed(6)
      evaluations.count = 0
      hypergradient(problem, { ...batches, method: 'finite-difference' })
      assert.equal(evaluations.count, 2)
      assert.equal(Buffer.from(getRngState()).toString('hex'), expected)
    }))

  for (const dtype of ['float32', 'float64'] as const) {
    it(`puts every parameter back to the bit (${dtype})`, () =>
      scope(() => {
        manualSeed(7)
        const { problem, parameters } = network(0.1, dtype)
        const before = bytes(parameters)
        for (let i = 0; i < 5; i++) hypergradient(problem, { ...batches, method: 'finite-difference', radius: 0.37 })
        assert.deepEqual(bytes(parameters), before)
      }))
  }

  for (const evaluation of [1, 2]) {
    it(`puts every parameter back to the bit when evaluation ${evaluation} of the lower loss throws`, () =>
      scope(() => {
        manualSeed(8)
        const { problem, parameters } = network(0)
        const before = bytes(parameters)
        const live = memoryStats().liveTensors
        let count = 0
        const lowerLoss = () => {
          if (++count === evaluation) throw new Error('no more')
          return problem.lowerLoss()
        }
        assert.throws(
          () => hypergradient({ ...problem, lowerLoss }, { ...batches, method: 'finite-difference' }),
          /no more/,
        )
        assert.deepEqual(bytes(parameters), before)
        assert.equal(memoryStats().liveTensors, live)
      }))
  }

  it('moves all lower parameters together by radius / ||v||', () =>
    scope(() => {
      const problem = quadratic()
      const seen: number[][] = []
      const lowerLoss = () => {
        seen.push(problem.weights.flatMap(weight => weight.tolist() as number[]))
        return problem.lowerLoss(null)
      }
      hypergradient({ ...problem, lowerLoss }, { ...batches, method: 'finite-difference', radius: 0.2 })
      const vector = problem.expected.flat() // grad_w of the upper loss
      const start = problem.weights.flatMap(weight => weight.tolist() as number[])
      const epsilon = 0.2 / Math.hypot(...vector)
      for (const [sign, point] of [
        [1, seen[0]!],
        [-1, seen[1]!],
      ] as const) {
        point.forEach((value, i) => assert.ok(Math.abs(value - (start[i]! + sign * epsilon * vector[i]!)) < 1e-12))
      }
    }))

  it('is the direct gradient where v is zero', () =>
    scope(() => {
      const problem = quadratic()
      const upperLoss = () => add(sum(mul(problem.weights[0]!, 0)), sum(problem.lambdas[0]!))
      const [first, second] = hypergradient({ ...problem, upperLoss }, { ...batches, method: 'finite-difference' })
      assert.deepEqual(first!.tolist(), [1, 1])
      assert.deepEqual(second!.tolist(), [0, 0, 0])
    }))

  it('keeps float32 parameters float32', () =>
    scope(() => {
      const problem = quadratic('float32')
      const gradients = hypergradient(problem, { ...batches, method: 'finite-difference' })
      for (const gradient of gradients) assert.equal(gradient.dtype, 'float32')
      gradients.forEach((gradient, i) =>
        (gradient.tolist() as number[]).forEach((value, k) =>
          assert.ok(Math.abs(value - problem.expected[i]![k]!) < 1e-3),
        ),
      )
    }))

  it('computes its two near values without bfloat16 products, also where the loss asks for them', () =>
    scope(() => {
      manualSeed(3)
      const { problem } = network(0, 'float32')
      const narrow = { ...problem, lowerLoss: () => autocast('bfloat16', problem.lowerLoss) }
      const of = (inner: typeof problem, choice: MethodChoice) => hypergradient(inner, { ...batches, ...choice })[0]!
      for (const radius of [0.01, 0.1]) {
        const choice: MethodChoice = { method: 'finite-difference', radius }
        assert.deepEqual(of(narrow, choice).tolist(), of(problem, choice).tolist())
        // Asked for from outside too; only the upper loss is in bfloat16 then.
        const outside = autocast('bfloat16', () => of(problem, choice))
        const error = relativeError(outside, of(problem, choice))
        assert.ok(error > 0 && error < 0.05, `${error}`)
      }
      // What it would be otherwise: an exact product in bfloat16 is some per cent off.
      assert.ok(relativeError(of(narrow, { method: 'exact' }), of(problem, { method: 'exact' })) > 1e-4)
    }))

  it('differentiates a lower loss whose gradient is not used by the upper one', () =>
    scope(() => {
      const w = tensor([1, 2], { dtype: 'float64', requiresGrad: true })
      const m = tensor([3, 4], { dtype: 'float64', requiresGrad: true })
      const copy = clone(m).detach()
      const problem = {
        lowerLoss: () => sum(mul(w, copy)),
        upperLoss: () => sum(mul(w, m)),
        lowerParameters: [w],
        upperParameters: [m],
      }
      assert.deepEqual(hypergradient(problem, { ...batches, method: 'finite-difference' })[0]!.tolist(), [1, 2])
    }))
})
