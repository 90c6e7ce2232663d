import assert from 'node:assert/strict'
import { type AdamEntry, type AdamState, hypergradient, type SamaOptions } from '../../../lib/bilevel/index.ts'
import { ArgumentError, type BidoraError, ShapeError } from '../../../lib/errors.ts'
import { scope, tensor } from '../../../lib/tensor/index.ts'
import { quadratic } from './quadratic.ts'

const lists = {
  expAvg: [
    [0.1, -0.2],
    [0.3, 0.05, -0.4],
  ],
  expAvgSq: [
    [0.5, 0.04],
    [0.9, 0.16, 0.25],
  ],
  gradient: [
    [0.2, 0.1],
    [-0.3, 0.6, 0.7],
  ],
}
const numbers = { learningRate: 0.3, betas: [0.9, 0.99] as [number, number], eps: 1e-3 }

const tensors = (values: number[][]) => values.map(list => tensor(list, { dtype: 'float64' }))
const stateOf = (change: Partial<AdamState> = {}): AdamState => ({
  expAvg: tensors(lists.expAvg),
  expAvgSq: tensors(lists.expAvgSq),
  gradient: tensors(lists.gradient),
  ...numbers,
  ...change,
})

/** lr ((1 - b1) b2 s_old - b1 (1 - b2) g m_old) / (sqrt(s) + eps)^3, in plain numbers. */
function scaleOf(i: number, k: number, { learningRate, betas: [b1, b2], eps } = numbers): number {
  const [m, s, g] = [lists.expAvg[i]![k]!, lists.expAvgSq[i]![k]!, lists.gradient[i]![k]!]
  const before = { m: b1 === 0 ? 0 : (m - (1 - b1) * g) / b1, s: (s - (1 - b2) * g * g) / b2 }
  return (learningRate * ((1 - b1) * b2 * before.s - b1 * (1 - b2) * g * before.m)) / (Math.sqrt(s) + eps) ** 3
}

/** On the quadratic problem the mixed derivative is -I and the direct gradient 0: what is left is the vector. */
function assertScaled(options: SamaOptions, scale: (i: number, k: number) => number): void {
  const problem = quadratic()
  const gradients = hypergradient(problem, { lowerBatch: null, upperBatch: null, method: 'sama', ...options })
  gradients.forEach((gradient, i) =>
    (gradient.tolist() as number[]).forEach((value, k) => {
      const expected = problem.expected[i]![k]! * scale(i, k)
      assert.ok(Math.abs(value - expected) < 1e-9, `${value} is not ${expected}`)
    }),
  )
}

describe('sama', () => {
  it('multiplies v by the derivative of one Adam step', () =>
    scope(() => {
      for (const radius of [1, 0.1]) assertScaled({ radius, optimizerState: stateOf() }, (i, k) => scaleOf(i, k))
    }))

  it('takes the state parameter by parameter, with their own rates', () =>
    scope(() => {
      const state = stateOf()
      const entries: AdamEntry[] = [0, 1].map(i => ({
        expAvg: state.expAvg[i]!,
        expAvgSq: state.expAvgSq[i]!,
        gradient: state.gradient[i]!,
        ...numbers,
        learningRate: [0.3, 0.6][i]!,
      }))
      const scale = (i: number, k: number) => scaleOf(i, k) * [1, 2][i]!
      assertScaled({ optimizerState: entries }, scale)
      assertScaled({ optimizerState: stateOf({ learningRate: [0.3, 0.6] }) }, scale)
    }))

  it('has no old average where the first decay is 0', () =>
    scope(() =>
      assertScaled({ optimizerState: stateOf({ betas: [0, 0.99] }) }, (i, k) =>
        scaleOf(i, k, { ...numbers, betas: [0, 0.99] }),
      ),
    ))

  it('moves the lower parameters by the radius along the scaled vector', () =>
    scope(() => {
      const problem = quadratic()
      const points: number[][] = []
      const lowerLoss = () => {
        points.push(problem.weights.flatMap(weight => weight.tolist() as number[]))
        return problem.lowerLoss(null)
      }
      const start = problem.weights.flatMap(weight => weight.tolist() as number[])
      hypergradient(
        { ...problem, lowerLoss },
        { lowerBatch: null, upperBatch: null, method: 'sama', optimizerState: stateOf() },
      )
      const vector = problem.expected.flatMap((list, i) => list.map((v, k) => v * scaleOf(i, k)))
      const length = Math.hypot(...vector)
      points.forEach((point, which) =>
        point.forEach((value, i) => {
          const expected = start[i]! + ((which === 0 ? 1 : -1) * vector[i]!) / length
          assert.ok(Math.abs(value - expected) < 1e-12)
        }),
      )
      assert.equal(points.length, 2)
    }))

  it('refuses a state that does not fit, and says what it is', () =>
    scope(() => {
      const refused = (optimizerState: unknown, kind: new (...args: never[]) => BidoraError, expected: RegExp) =>
        assert.throws(
          () =>
            hypergradient(quadratic(), { lowerBatch: null, upperBatch: null, method: 'sama', optimizerState } as never),
          (error: Error) => error instanceof kind && expected.test(error.message),
        )
      refused(
        undefined,
        ArgumentError,
        /one entry for each of 2 lower parameters, .*take finite-difference with radius 1/,
      )
      refused(null, ArgumentError, /expected optimizerState/)
      refused([], ArgumentError, /for each of 2 lower parameters, got 0/)
      refused(stateOf({ gradient: [] }), ArgumentError, /got 2, 2, 0/)
      refused(
        stateOf({
          expAvg: tensors([
            [1, 2],
            [1, 2],
          ]),
        }),
        ShapeError,
        /expAvg of shape \[3\] for lowerParameters\[1\], got \[2\]/,
      )
      refused(stateOf({ learningRate: -1 }), ArgumentError, /learningRate of at least 0, got -1/)
      refused(stateOf({ betas: [0.9, 0] }), ArgumentError, /beta2 above 0 and below 1, got 0/)
      refused(stateOf({ betas: [1, 0.9] }), ArgumentError, /beta1 of at least 0 and below 1, got 1/)
      refused(stateOf({ eps: Number.NaN }), ArgumentError, /eps of at least 0, got NaN/)
      refused({ ...stateOf(), betas: undefined }, ArgumentError, /beta1 .*got undefined/)
    }))

  it('refuses a radius that is none', () =>
    scope(() => {
      for (const radius of [0, -1, Number.NaN])
        assert.throws(
          () =>
            hypergradient(quadratic(), {
              lowerBatch: null,
              upperBatch: null,
              method: 'sama',
              radius,
              optimizerState: stateOf(),
            }),
          /sama: expected a radius above 0/,
        )
    }))
})
