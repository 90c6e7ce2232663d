import assert from 'node:assert/strict'
import { grad, noGrad } from '../../../lib/autograd/index.ts'
import {
  type DifferentiableUpdate,
  hypergradient,
  type UnrolledOptions,
  type UpdateState,
} from '../../../lib/bilevel/index.ts'
import { ArgumentError } from '../../../lib/errors.ts'
import { clone, copy_, exp, randn } from '../../../lib/ops/index.ts'
import { AdamW, differentiableAdamW, differentiableSGD, type Optimizer, SGD } from '../../../lib/optim/index.ts'
import { getRngState, manualSeed, memoryStats, scope, type Tensor, tensor } from '../../../lib/tensor/index.ts'
import { type Network, network, type Rows } from './network.ts'
import { POINTS, quadratic } from './quadratic.ts'

const LOWER: Rows[] = [
  { start: 0, count: 3 },
  { start: 2, count: 4 },
  { start: 1, count: 5 },
]
const UPPER: Rows = { start: 6, count: 6 }

const copies = (tensors: readonly Tensor[]) => noGrad(() => tensors.map(value => clone(value)))
const restore = (tensors: readonly Tensor[], saved: readonly Tensor[]) =>
  noGrad(() => tensors.forEach((value, i) => void copy_(value, saved[i]!)))

/** Runs real steps of a real optimizer; gives the upper loss where they lead. Everything is put back. */
function realRun(problem: Network, make: () => Optimizer): number {
  const saved = copies(problem.lowerParameters)
  const optimizer = make()
  try {
    return scope(() => {
      for (const batch of LOWER) optimizer.step(grad(problem.lowerLoss(batch), problem.lowerParameters))
      return problem.upperLoss(UPPER).item() as number
    })
  } finally {
    optimizer.dispose()
    restore(problem.lowerParameters, saved)
  }
}

/** Central differences of `value` by every entry of the parameters. */
function differences(parameters: readonly Tensor[], value: () => number, step: number): number[][] {
  return parameters.map(parameter => {
    const start = (parameter.data() as Float64Array).slice()
    const at = (entry: number, offset: number) =>
      scope(() => {
        const moved = start.slice()
        moved[entry]! += offset
        noGrad(() => void copy_(parameter, tensor(moved, { shape: parameter.shape })))
        return value()
      })
    const result = [...start].map((_, entry) => (at(entry, step) - at(entry, -step)) / (2 * step))
    scope(() => noGrad(() => void copy_(parameter, tensor(start, { shape: parameter.shape }))))
    return result
  })
}

function assertClose(got: readonly Tensor[], expected: number[][], tolerance: number): void {
  const largest = Math.max(...expected.flat().map(Math.abs))
  assert.ok(largest > 1e-3, `${largest}`)
  got.forEach((gradient, i) =>
    [...(gradient.data() as Float64Array)].forEach((value, k) => {
      const error = Math.abs(value - expected[i]![k]!) / largest
      assert.ok(error < tolerance, `tensor ${i} entry ${k}: ${value} is not ${expected[i]![k]} (${error})`)
    }),
  )
}

describe('unrolled', () => {
  for (const [steps, rate] of [
    [undefined, 0.3],
    [1, 0.3],
    [4, 0.3],
    [2, 0],
  ] as const)
    it(`is the closed form on the quadratic problem: steps ${steps}, learning rate ${rate}`, () =>
      scope(() => {
        const problem = quadratic()
        const lowerBatch = steps === undefined ? null : Array.from({ length: steps }, () => null)
        const options = { method: 'unrolled', learningRate: rate, ...(steps !== undefined && { steps }) } as const
        const gradients = hypergradient(problem, { lowerBatch, upperBatch: null, ...options } as never)
        // w_K = l + (1 - r)^K (w - l), so that d upper / d l = (1 - (1 - r)^K) (w_K - target)
        const left = (1 - rate) ** (steps ?? 1)
        const expected = POINTS.weight.map((list, i) =>
          list.map((w, k) => {
            const lambda = POINTS.lambda[i]![k]!
            return (1 - left) * (lambda + left * (w - lambda) - POINTS.target[i]![k]!)
          }),
        )
        gradients.forEach((gradient, i) =>
          (gradient.tolist() as number[]).forEach((value, k) =>
            assert.ok(Math.abs(value - expected[i]![k]!) < 1e-14, `${value} ${expected[i]![k]}`),
          ),
        )
      }))

  const optimizers: [string, DifferentiableUpdate, (parameters: readonly Tensor[]) => Optimizer][] = [
    [
      'gradient descent',
      differentiableSGD({ learningRate: 0.2 }),
      parameters => new SGD([{ parameters, learningRate: 0.2 }]),
    ],
    [
      'momentum and decay',
      differentiableSGD({ learningRate: 0.1, momentum: 0.8, weightDecay: 0.1 }),
      parameters => new SGD([{ parameters, learningRate: 0.1 }], { momentum: 0.8, weightDecay: 0.1 }),
    ],
    [
      'AdamW',
      differentiableAdamW({ learningRate: 0.05, betas: [0.8, 0.9], weightDecay: 0.1 }),
      parameters => new AdamW([{ parameters, learningRate: 0.05, weightDecay: 0.1 }], { betas: [0.8, 0.9] }),
    ],
  ]
  for (const [name, update, make] of optimizers)
    for (const probability of [0, 0.4])
      it(`is the derivative of three real steps: ${name}, dropout ${probability}`, () =>
        scope(() => {
          const problem = network(probability)
          manualSeed(3)
          const gradients = hypergradient(problem, {
            lowerBatch: LOWER,
            upperBatch: UPPER,
            method: 'unrolled',
            update,
            steps: 3,
          })
          const expected = differences(
            problem.upperParameters,
            () => {
              manualSeed(3)
              return realRun(problem, () => make(problem.lowerParameters))
            },
            1e-5,
          )
          assertClose(gradients, expected, 1e-7)
        }))

  it('goes on from the state of a running AdamW', () =>
    scope(() => {
      const problem = network()
      const options = { betas: [0.8, 0.9] as const }
      const make = () => new AdamW([{ parameters: problem.lowerParameters, learningRate: 0.05 }], options)
      const running = make()
      running.step(problem.lowerParameters.map(parameter => randn(parameter.shape, { dtype: 'float64' })))
      running.step(problem.lowerParameters.map(parameter => randn(parameter.shape, { dtype: 'float64' })))
      const optimizerState: UpdateState = {
        step: running.steps[0]!,
        expAvg: running.expAvg as Tensor[],
        expAvgSq: running.expAvgSq as Tensor[],
      }
      const gradients = hypergradient(problem, {
        lowerBatch: LOWER,
        upperBatch: UPPER,
        method: 'unrolled',
        update: differentiableAdamW({ learningRate: 0.05, ...options }),
        optimizerState,
        steps: 3,
      })
      const again = () => {
        const optimizer = make()
        optimizer.load(running.state())
        return optimizer
      }
      assertClose(
        gradients,
        differences(problem.upperParameters, () => realRun(problem, again), 1e-5),
        1e-7,
      )
      running.dispose()
    }))

  it('hands on integers of a state, which have no gradient', () =>
    scope(() => {
      const problem = network()
      const momentum = differentiableSGD({ learningRate: 0.1, momentum: 0.8 })
      const counts: unknown[] = []
      const counting: DifferentiableUpdate = (parameters, gradients, { count, ...state }) => {
        counts.push((count as Tensor[])[0]!.tolist())
        const next = momentum(parameters, gradients, state)
        return { ...next, state: { count: (count as Tensor[]).map(value => value.add(1)), ...next.state } }
      }
      const of = (update: DifferentiableUpdate, optimizerState: UpdateState) =>
        hypergradient(problem, {
          lowerBatch: LOWER,
          upperBatch: UPPER,
          method: 'unrolled',
          update,
          optimizerState,
          steps: 3,
        }).map(value => value.tolist())
      const counted = of(counting, { count: [tensor([0], { dtype: 'int64' })] })
      assert.deepEqual(counted, of(momentum, {}))
      assert.deepEqual(counts, [[0], [1], [2], [2], [1], [0]])
    }))

  it('gives a learned learning rate its gradient', () =>
    scope(() => {
      const inner = network()
      const logRates = tensor([-2, -3], { dtype: 'float64', requiresGrad: true })
      const problem = { ...inner, upperParameters: [...inner.upperParameters, logRates] }
      const rates = () => [0, 1].map(i => exp(logRates).select(0, i))
      const update: DifferentiableUpdate = (parameters, gradients, state) =>
        differentiableSGD({ learningRate: rates(), momentum: 0.5 })(parameters, gradients, state)
      const gradients = hypergradient(problem, {
        lowerBatch: LOWER,
        upperBatch: UPPER,
        method: 'unrolled',
        update,
        steps: 3,
      })
      const make = () => {
        const [first, second] = rates().map(rate => rate.item() as number)
        const groups = problem.lowerParameters.map((parameter, i) => ({
          parameters: [parameter],
          learningRate: [first, second][i]!,
        }))
        return new SGD(groups, { momentum: 0.5 })
      }
      assertClose(
        gradients,
        differences(problem.upperParameters, () => realRun(problem, make), 1e-5),
        1e-7,
      )
    }))

  const choice = { method: 'unrolled', learningRate: 0.2, steps: 3 } as const

  it('puts the parameters back to the bit, also where a loss throws', () =>
    scope(() => {
      for (const throwsAt of [0, 1, 2, 3, 4, 5, 6]) {
        const problem = network(0.4)
        const bytes = () =>
          problem.parameters.map(value => Buffer.from((value.data() as Float64Array).slice().buffer).toString('hex'))
        const before = bytes()
        const live = memoryStats().liveTensors
        let count = 0
        const lowerLoss = (rows: Rows) => {
          if (++count === throwsAt) throw new Error('no more')
          return problem.lowerLoss(rows)
        }
        const run = () => hypergradient({ ...problem, lowerLoss }, { lowerBatch: LOWER, upperBatch: UPPER, ...choice })
        if (throwsAt === 0) for (const gradient of run()) gradient.dispose()
        else assert.throws(run, /no more/)
        assert.deepEqual(bytes(), before)
        assert.equal(memoryStats().liveTensors, live)
      }
    }))

  it('leaves the generator where the steps leave it', () =>
    scope(() => {
      const problem = network(0.4)
      manualSeed(5)
      for (const rows of LOWER) problem.lowerLoss(rows)
      const expected = Buffer.from(getRngState()).toString('hex')
      manualSeed(5)
      hypergradient(problem, { lowerBatch: LOWER, upperBatch: UPPER, ...choice })
      assert.equal(Buffer.from(getRngState()).toString('hex'), expected)
    }))

  it('has the graph of one step at a time', () =>
    scope(() => {
      const problem = network()
      const alive: number[] = []
      const lowerLoss = (rows: Rows) => {
        alive.push([...problem.seen.lower, ...problem.seen.upper].filter(loss => !loss.disposed).length)
        return problem.lowerLoss(rows)
      }
      hypergradient({ ...problem, lowerLoss }, { lowerBatch: LOWER, upperBatch: UPPER, ...choice })
      assert.deepEqual(alive, [0, 0, 0, 0, 0, 0])
    }))

  it('refuses options that do not fit, and says what they are', () =>
    scope(() => {
      const problem = network()
      const update = differentiableSGD({ learningRate: 0.1 })
      const refused = (options: UnrolledOptions, expected: RegExp, lowerBatch: unknown = LOWER) =>
        assert.throws(
          () => hypergradient(problem, { lowerBatch, upperBatch: UPPER, method: 'unrolled', ...options } as never),
          (error: Error) => error instanceof ArgumentError && expected.test(error.message),
        )
      refused({}, /either a learningRate or an update, got neither/)
      refused({ learningRate: 0.1, update }, /got both/)
      refused({ learningRate: 0.1, optimizerState: {} }, /expected an update with optimizerState/)
      for (const learningRate of [-0.1, Number.NaN, Number.POSITIVE_INFINITY])
        refused({ learningRate }, /expected a learningRate of at least 0, got .*: the one of the lower level/)
      for (const steps of [0, 1.5]) refused({ update, steps }, /a whole number of steps of at least 1/)
      refused({ update, steps: 2 }, /array of 2 batches, one for each step, got 3 of them/)
      refused({ update, steps: 2 }, /array of 2 batches, one for each step, got object/, LOWER[0])
      refused(
        { update: (parameters, _, state) => ({ parameters: parameters.slice(1), state }) },
        /update: expected 2 parameters, got 1/,
        LOWER[0],
      )
      refused(
        { update: (parameters, _, state) => ({ parameters: [...parameters].reverse(), state }) },
        /update: expected parameters of shapes \[.*\], got \[/,
        LOWER[0],
      )
      refused({ update: 'sgd' as never }, /expected update to be a function .*, got string/, LOWER[0])
    }))
})
