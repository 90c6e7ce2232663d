import assert from 'node:assert/strict'
import { autocast, grad, noGrad } from '../../../lib/autograd/index.ts'
import { accumulated, hypergradient, type RoundOptions, sharedStep, step } from '../../../lib/bilevel/index.ts'
import {
  add,
  cat,
  clone,
  copy_,
  linear,
  mean,
  mul,
  rand,
  randn,
  square,
  sub,
  sub_,
  sum,
} from '../../../lib/ops/index.ts'
import { getRngState, manualSeed, memoryStats, moveToOuter, scope, type Tensor } from '../../../lib/tensor/index.ts'
import { drawMask, type Network, network, type Rows } from './network.ts'
import { POINTS, quadratic } from './quadratic.ts'

const lowerRows: Rows = { start: 0, count: 8 }
const upperRows: Rows = { start: 6, count: 6 }
const difference = (radius?: number) => ({ method: 'finite-difference', ...(radius && { radius }) }) as const

const norm = (list: readonly Tensor[]) =>
  Math.sqrt(list.reduce((total, value) => total + (sum(square(value)).item() as number), 0))
const apart = (got: readonly Tensor[], wanted: readonly Tensor[]) =>
  norm(got.map((value, i) => sub(value, wanted[i]!))) / norm(wanted)
const copies = (list: readonly Tensor[]) => noGrad(() => list.map(value => clone(value)))
const bits = (list: readonly Tensor[]) => list.map(value => value.tolist())

/** The gradients that one shared round gives its two updates, which move nothing; dropout masks from seed 4. */
function gradientsOf<Batch>(
  problem: Parameters<typeof sharedStep<Batch, Batch>>[0],
  batches: { lowerBatch: Parameters<typeof sharedStep<Batch, Batch>>[1]['lowerBatches'][number]; upperBatch: Batch },
  radius?: number,
) {
  const given: { lower: Tensor[]; upper: Tensor[] } = { lower: [], upper: [] }
  manualSeed(4)
  sharedStep(
    problem,
    { lowerBatches: [batches.lowerBatch], upperBatch: batches.upperBatch },
    {
      hypergradient: difference(radius),
      updateLower: gradients => given.lower.push(...copies(gradients).map(moveToOuter)),
      updateUpper: gradients => given.upper.push(...copies(gradients).map(moveToOuter)),
    },
  )
  return given
}

/** The formula written out, with the mask of the lower loss as a tensor. */
function byHand(problem: Network, radius: number, mask: Tensor) {
  const { lowerParameters, upperParameters } = problem
  const lowerGradients = () => grad(problem.lowerLoss({ ...lowerRows, mask }), [...problem.parameters])
  const at = lowerGradients()
  const upper = grad(problem.upperLoss(upperRows), [...problem.parameters], { allowUnused: true })
  const count = lowerParameters.length
  const epsilon = radius / (norm(upper.slice(0, count) as Tensor[]) + 1e-15)
  const start = copies(lowerParameters)
  noGrad(() => lowerParameters.forEach((w, i) => void copy_(w, add(start[i]!, mul(upper[i]!, epsilon)))))
  const moved = lowerGradients()
  noGrad(() => lowerParameters.forEach((w, i) => void copy_(w, start[i]!)))
  return {
    lower: at.slice(0, count),
    upper: upperParameters.map((m, i) => {
      const implicit = sub(moved[count + i]!, at[count + i]!).div(epsilon)
      return sub(upper[count + i] ?? mul(m.detach(), 0), implicit)
    }),
  }
}

describe('sharedStep', () => {
  for (const probability of [0, 0.5]) {
    it(`is the formula written out, one mask for both lower evaluations (dropout ${probability})`, () =>
      scope(() => {
        manualSeed(1)
        const problem = network(probability)
        for (const radius of [0.01, 0.3]) {
          const got = scope(() => gradientsOf(problem, { lowerBatch: lowerRows, upperBatch: upperRows }, radius))
          manualSeed(4)
          const wanted = byHand(problem, radius, drawMask(lowerRows.count, probability))
          assert.ok(apart(got.lower, wanted.lower) < 1e-14, String(apart(got.lower, wanted.lower)))
          assert.ok(apart(got.upper, wanted.upper) < 1e-11, String(apart(got.upper, wanted.upper)))
        }
      }))

    it(`comes to the exact hypergradient of its point with the radius (dropout ${probability})`, () =>
      scope(() => {
        manualSeed(2)
        const problem = network(probability)
        const batches = { lowerBatch: lowerRows, upperBatch: upperRows }
        manualSeed(4)
        const exact = hypergradient(problem, { ...batches, method: 'exact' })
        const errors = [0.1, 0.01, 0.001].map(radius => apart(gradientsOf(problem, batches, radius).upper, exact))
        // One-sided: ten times closer with a tenth of the radius; a central difference is a hundred times closer.
        for (const i of [0, 1]) {
          const ratio = errors[i]! / errors[i + 1]!
          assert.ok(ratio > 5 && ratio < 20, errors.join(' '))
        }
        assert.ok(errors[2]! < 1e-3, errors.join(' '))
      }))
  }

  it('moves both levels from the point that it began with, on the quadratic problem in closed form', () =>
    scope(() => {
      for (const radius of [0.01, 10]) {
        const { weights, lambdas, ...problem } = quadratic()
        const descend = (parameters: readonly Tensor[], rate: number) => (gradients: readonly Tensor[]) =>
          noGrad(() => parameters.forEach((p, i) => void sub_(p, gradients[i]!, { alpha: rate })))
        const round = sharedStep(
          problem,
          { lowerBatches: [null], upperBatch: null },
          {
            hypergradient: difference(radius),
            updateLower: descend(weights, 0.5),
            updateUpper: descend(lambdas, 0.1),
          },
        )
        const [ws, ls, ts] = [POINTS.weight.flat(), POINTS.lambda.flat(), POINTS.target.flat()]
        const near = (tensors: Tensor[], wanted: number[]) =>
          tensors
            .flatMap(value => value.tolist() as number[])
            .forEach((value, i) => assert.ok(Math.abs(value - wanted[i]!) < 1e-9, `${value} ${wanted[i]}`))
        near(
          weights,
          ws.map((w, i) => w - 0.5 * (w - ls[i]!)),
        )
        near(
          lambdas,
          ls.map((l, i) => l - 0.1 * (ws[i]! - ts[i]!)),
        )
        const half = (a: number[], b: number[]) => a.reduce((total, x, i) => total + (x - b[i]!) ** 2, 0) / 2
        assert.ok(Math.abs(round.lowerLoss.item() - half(ws, ls)) < 1e-12)
        assert.ok(Math.abs(round.upperLoss!.item() - half(ws, ts)) < 1e-12)
        assert.ok(Math.abs(round.hypergradientNorm!.item() - Math.hypot(...ws.map((w, i) => w - ts[i]!))) < 1e-9)
      }
    }))

  it('evaluates three losses and moves nothing before, to the bit', () =>
    scope(() => {
      manualSeed(3)
      const problem = network(0.3)
      const before = bits(problem.parameters)
      const calls: string[] = []
      const log = <R>(name: string, result: () => R) => {
        calls.push(name)
        return result()
      }
      const unmoved = (name: string) => () =>
        log(name, () => assert.deepEqual(bits(problem.parameters), before)) as unknown as undefined
      sharedStep(
        {
          ...problem,
          lowerLoss: (rows: Rows) => log('lower', () => problem.lowerLoss(rows)),
          upperLoss: (rows: Rows) => log('upper', () => problem.upperLoss(rows)),
          coupledLoss: (rows: Rows) => log('coupled', () => problem.lowerLoss(rows)),
        },
        { lowerBatches: [lowerRows], upperBatch: upperRows },
        { hypergradient: difference(), updateLower: unmoved('move V'), updateUpper: unmoved('move M') },
      )
      assert.deepEqual(calls, ['lower', 'upper', 'coupled', 'move V', 'move M'])
    }))

  it('puts V back where the perturbed evaluation throws, and moves nothing', () =>
    scope(() => {
      manualSeed(3)
      const problem = network(0.3)
      const before = bits(problem.parameters)
      const live = memoryStats().liveTensors
      const coupledLoss = () => {
        throw new Error('no more')
      }
      const never = () => assert.fail('moved')
      const options: RoundOptions = { hypergradient: difference(), updateLower: never, updateUpper: never }
      const batches = { lowerBatches: [lowerRows], upperBatch: upperRows }
      assert.throws(() => sharedStep({ ...problem, coupledLoss }, batches, options), /no more/)
      assert.deepEqual(bits(problem.parameters), before)
      assert.equal(memoryStats().liveTensors, live)
      const infinite = { ...problem, upperLoss: (rows: Rows) => mul(problem.upperLoss(rows), Number.NaN) }
      assert.throws(() => sharedStep(infinite, batches, options), /upperLoss is NaN/)
      assert.deepEqual(bits(problem.parameters), before)
      assert.equal(memoryStats().liveTensors, live)
    }))

  it('leaves the generator where its lower and its upper pass leave it', () =>
    scope(() => {
      const inner = network(0.5)
      const problem = { ...inner, upperLoss: (rows: Rows) => add(inner.upperLoss(rows), mul(sum(rand([3])), 0)) }
      const state = () => Buffer.from(getRngState()).toString('hex')
      manualSeed(4)
      problem.lowerLoss(lowerRows)
      problem.upperLoss(upperRows)
      const wanted = state()
      gradientsOf(problem, { lowerBatch: lowerRows, upperBatch: upperRows })
      assert.equal(state(), wanted)
    }))

  it('a batch in parts is the large one, masks part by part', () =>
    scope(() => {
      for (const probability of [0, 0.5]) {
        manualSeed(5)
        const problem = network(probability)
        const parts: Rows[] = [
          { start: 0, count: 3 },
          { start: 3, count: 5 },
        ]
        const lowerBatch = accumulated(parts.map(batch => ({ batch, weight: batch.count / 8 })))
        const got = scope(() => gradientsOf(problem, { lowerBatch, upperBatch: upperRows }, 0.1))
        manualSeed(4)
        const mask = cat(parts.map(({ count }) => drawMask(count, probability)))
        const whole = byHand(problem, 0.1, mask)
        assert.ok(apart(got.upper, whole.upper) < 1e-11 && apart(got.lower, whole.lower) < 1e-13)
      }
    }))

  it('takes both ends of the difference without bfloat16 products, also where the loss asks for them', () =>
    scope(() => {
      manualSeed(7)
      const [w, m] = [randn([4, 8]), randn([8])]
      const [x, y] = [randn([16, 8]), randn([16, 4])]
      w.requiresGrad = m.requiresGrad = true
      const loss = () => mean(square(sub(linear(mul(x, m), w), y)))
      const problem = { lowerLoss: loss, upperLoss: loss, lowerParameters: [w], upperParameters: [m] }
      const narrow = { ...problem, lowerLoss: () => autocast('bfloat16', problem.lowerLoss) }
      const batches = { lowerBatch: null, upperBatch: null }
      const [got, wanted] = [gradientsOf(narrow, batches), gradientsOf(problem, batches)]
      assert.deepEqual(bits(got.upper), bits(wanted.upper))
      assert.deepEqual(bits(got.lower), bits(wanted.lower))
      const [direct] = grad(narrow.lowerLoss(), [w])
      assert.ok(apart([direct!], wanted.lower) > 1e-4, 'bfloat16 would show')
    }))

  it('without an upper batch is the round of step', () =>
    scope(() => {
      const run = (take: typeof step) => {
        manualSeed(6)
        const problem = network(0.5)
        const given: unknown[] = []
        const round = take(
          problem,
          { lowerBatches: [lowerRows, upperRows] },
          {
            hypergradient: difference(),
            updateLower: gradients => given.push(bits(gradients)),
            updateUpper: () => assert.fail('moved'),
          },
        )
        return [Object.keys(round), round.lowerLoss.item(), given]
      }
      assert.deepEqual(run(sharedStep), run(step))
    }))

  it('refuses what it does not do', () =>
    scope(() => {
      const problem = quadratic()
      const moves = { updateLower: () => {}, updateUpper: () => {} }
      const one = { lowerBatches: [null], upperBatch: null }
      const cases: [Parameters<typeof sharedStep>[1], Partial<RoundOptions>, RegExp][] = [
        [
          one,
          { hypergradient: { method: 'exact' } },
          /expected the method 'finite-difference', got 'exact'; take step/,
        ],
        [one, { hypergradient: () => ({ method: 'first-order' }) }, /got 'first-order'/],
        [one, { hypergradient: difference(-1) }, /expected a radius above 0, got -1/],
        [{ ...one, lowerBatches: [null, null] }, {}, /expected one lower batch, got 2; take step/],
        [{ ...one, curvatureBatch: null }, {}, /expected no curvatureBatch/],
        [one, { markLower: () => () => {} }, /expected no markLower, got one; there is nothing to roll back/],
      ]
      for (const [batches, options, expected] of cases)
        assert.throws(
          () => sharedStep(problem, batches as typeof one, { ...moves, hypergradient: difference(), ...options }),
          expected,
        )
    }))

  it('leaves three scalars behind', () =>
    scope(() => {
      const problem = quadratic()
      const before = memoryStats().liveTensors
      const options: RoundOptions = { hypergradient: difference(), updateLower: () => {}, updateUpper: () => {} }
      const round = sharedStep(problem, { lowerBatches: [null], upperBatch: null }, options)
      assert.equal(memoryStats().liveTensors, before + 3)
      assert.deepEqual(Object.keys(round).sort(), ['hypergradientNorm', 'lowerLoss', 'upperLoss'])
      for (const value of Object.values(round)) assert.equal((value as Tensor).requiresGrad, false)
    }))
})
