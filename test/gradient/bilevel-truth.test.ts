import assert from 'node:assert/strict'
import { grad } from '../../lib/autograd/index.ts'
import { accumulated, hypergradient, type HypergradientOptions, type MethodChoice } from '../../lib/bilevel/index.ts'
import { dropout } from '../../lib/nn/index.ts'
import { ones } from '../../lib/ops/index.ts'
import { differentiableSGD } from '../../lib/optim/index.ts'
import { manualSeed, scope, type Tensor, tensor } from '../../lib/tensor/index.ts'
import { type Matrix, normals, times } from './plain-algebra.ts'
import { closedForm, type DecayProblem, drawData, logistic, ridge, solvedDifferences } from './solved-problems.ts'

type DType = 'float64' | 'float32'

const [OUT, WIDTH, ROWS] = [3, 5, 20]
const data = drawData(7, ROWS, OUT, WIDTH)
const classesOf = ({ features, classes }: typeof data.lower) => ({ features, targets: classes })
const problems: Record<string, DecayProblem> = {
  ridge: ridge(data.lower, data.upper),
  logistic: logistic(classesOf(data.lower), classesOf(data.upper), OUT),
}
const normal = normals(9)
const LOG_DECAY = Array.from({ length: OUT * WIDTH }, () => -0.7 + 0.5 * normal())

/** Largest error over the largest entry: what the library's arithmetic may lose, by the type it is done in. */
const TOLERANCE: Record<DType, number> = { float64: 1e-11, float32: 2e-5 }

const largest = (values: readonly number[]) => Math.max(...values.map(Math.abs))
const errorOf = (got: readonly number[], expected: readonly number[]) =>
  largest(got.map((value, k) => value - expected[k]!)) / largest(expected)
const within = (got: readonly number[], expected: readonly number[], tolerance: number) => {
  const error = errorOf(got, expected)
  assert.ok(error < tolerance, `error ${error}: ${got} is not ${expected}`)
}

/** An upper bound of the largest eigenvalue: the largest sum of a row's sizes. */
const bound = (hessian: Matrix) =>
  Math.max(...hessian.map(row => row.reduce((total, value) => total + Math.abs(value), 0)))

/** The library's hypergradient with the weights at `at`, the solution where it is left out. */
function run(
  problem: DecayProblem,
  options: Partial<HypergradientOptions<null, null>> & MethodChoice,
  place: { dtype: DType; at?: readonly number[]; logDecay?: readonly number[]; probability?: number },
): number[] {
  const { dtype, logDecay = LOG_DECAY, at = problem.solve(logDecay), probability = 0 } = place
  return scope(() => {
    const leaf = (values: readonly number[]) =>
      tensor(Float64Array.from(values), { dtype, shape: problem.shape, requiresGrad: true })
    const inLibrary = problem.inLibrary({ weights: leaf(at), logDecay: leaf(logDecay), dtype, probability })
    manualSeed(13)
    const [gradient] = hypergradient(inLibrary, { lowerBatch: null, upperBatch: null, ...options } as never) as [Tensor]
    assert.equal(gradient.dtype, dtype)
    return (gradient.to({ dtype: 'float64' }).tolist() as number[][]).flat()
  })
}

const unroll = (steps: number, learningRate: number) =>
  ({
    method: 'unrolled',
    learningRate,
    steps,
    lowerBatch: Array.from({ length: steps }, () => null),
  }) as never as MethodChoice

for (const [name, problem] of Object.entries(problems)) {
  describe(`the hypergradient of ${name} regression with a learned decay for every weight`, () => {
    const solution = problem.solve(LOG_DECAY)
    const hessian = problem.hessian(solution, LOG_DECAY)
    const truth = closedForm(problem, LOG_DECAY)
    const rate = 1.6 / bound(hessian)

    it('in closed form is that of central differences of the solved problem', () => {
      within(solvedDifferences(problem, LOG_DECAY), truth, 1e-8)
      assert.ok(largest(truth) > 0.01)
    })

    it('belongs to the problem that the library sees: its lower gradient is zero at the solution, its upper one v', () =>
      scope(() => {
        const weights = tensor(Float64Array.from(solution), { shape: problem.shape, requiresGrad: true })
        const logDecay = tensor(Float64Array.from(LOG_DECAY), { shape: problem.shape, requiresGrad: true })
        const { lowerLoss, upperLoss } = problem.inLibrary({ weights, logDecay, dtype: 'float64' })
        const flat = (loss: Tensor) => (grad(loss, [weights])[0]!.tolist() as number[][]).flat()
        assert.ok(largest(flat(lowerLoss(null))) < 1e-13)
        within(flat(upperLoss(null)), problem.upperGradient(solution), 1e-13)
      }))

    for (const dtype of ['float64', 'float32'] as const) {
      const limits: [string, MethodChoice][] = [
        ['conjugate-gradient with an iteration for every weight', { method: 'conjugate-gradient', iterations: 40 }],
        ['neumann with many terms', { method: 'neumann', terms: 150, stepSize: rate }],
        ['unrolled over many steps', unroll(110, rate)],
        [
          'unrolled over many steps with momentum',
          {
            ...unroll(80, rate),
            learningRate: undefined,
            update: differentiableSGD({ learningRate: rate, momentum: 0.5 }),
          } as never,
        ],
      ]
      for (const [what, choice] of limits)
        it(`is that of ${what} (${dtype})`, () => within(run(problem, choice, { dtype }), truth, TOLERANCE[dtype]))

      it(`is that of many steps that start from zero (${dtype})`, () => {
        const at = solution.map(() => 0)
        within(run(problem, unroll(110, rate), { dtype, at }), truth, TOLERANCE[dtype])
      })

      it(`with H taken for the identity is that of exact and finite-difference (${dtype})`, () => {
        const v = problem.upperGradient(solution)
        const expected = solution.map((w, k) => -Math.exp(LOG_DECAY[k]!) * w * v[k]!)
        within(run(problem, { method: 'exact' }, { dtype }), expected, TOLERANCE[dtype])
        // The mixed derivative does not depend on the weights' second power: no error of the difference but rounding.
        const difference = run(problem, { method: 'finite-difference', radius: 1 }, { dtype })
        within(difference, expected, 10 * TOLERANCE[dtype])
        assert.ok(errorOf(expected, truth) > 0.1, 'the Hessian matters here')
      })
    }

    it('with damping is that of the damped Hessian', () => {
      const damped = { ...problem, hessian: () => hessian.map((row, i) => row.map((x, k) => x + (i === k ? 0.4 : 0))) }
      const choice: MethodChoice = { method: 'conjugate-gradient', iterations: 40, damping: 0.4 }
      within(run(problem, choice, { dtype: 'float64' }), closedForm(damped, LOG_DECAY, solution), 1e-11)
    })

    it('falls short with few terms, few iterations and few steps, and gets better with more', () => {
      const errors = (make: (count: number) => MethodChoice) =>
        [2, 4, 8].map(count => errorOf(run(problem, make(count), { dtype: 'float64' }), truth))
      for (const make of [
        (terms: number): MethodChoice => ({ method: 'neumann', terms, stepSize: rate }),
        (iterations: number): MethodChoice => ({ method: 'conjugate-gradient', iterations }),
        (steps: number) => unroll(steps, rate),
      ]) {
        const [two, four, eight] = errors(make)
        assert.ok(two! > 1e-3 && four! < two! && eight! < four!, `${two} ${four} ${eight}`)
      }
      within(
        run(problem, unroll(3, rate), { dtype: 'float64' }),
        run(problem, { method: 'neumann', terms: 2, stepSize: rate }, { dtype: 'float64' }),
        1e-12,
      )
    })

    it('with dropout is that of the masks which the lower loss draws first', () => {
      const mask = scope(() => {
        manualSeed(13)
        return dropout(ones([ROWS, WIDTH], { dtype: 'float64' }), 0.3).tolist() as number[][]
      })
      const masked = {
        ...data.lower,
        features: data.lower.features.map((x, i) => x.map((value, j) => value * mask[i]![j]!)),
      }
      const fixed =
        name === 'ridge' ? ridge(masked, data.upper) : logistic(classesOf(masked), classesOf(data.upper), OUT)
      const place = { dtype: 'float64', at: fixed.solve(LOG_DECAY), probability: 0.3 } as const
      const expected = closedForm(fixed, LOG_DECAY)
      assert.ok(errorOf(expected, truth) > 0.05, 'the masks matter here')
      const stepSize = 1.6 / bound(fixed.hessian(place.at, LOG_DECAY))
      within(run(problem, { method: 'conjugate-gradient', iterations: 40 }, place), expected, 1e-11)
      within(run(problem, { method: 'neumann', terms: 150, stepSize }, place), expected, 1e-11)
    })

    it('in parts that are the whole twice is the same', () => {
      const whole = { batch: null, weight: 0.5 }
      const options = { method: 'conjugate-gradient', iterations: 40, lowerBatch: accumulated([whole, whole]) } as const
      within(run(problem, options, { dtype: 'float64' }), truth, 1e-11)
    })
  })
}

describe('the hypergradient of ridge regression on features that are orthogonal', () => {
  // Columns of a Hadamard matrix: the Gram matrix over the rows is 0.5 I, so that H is diagonal: 0.5 + exp(m).
  const parity = (bits: number) => (bits.toString(2).replaceAll('0', '').length % 2 === 0 ? 1 : -1)
  const features = Array.from({ length: 8 }, (_, i) =>
    Array.from({ length: WIDTH }, (_, j) => parity(i & (j + 1)) * Math.SQRT1_2),
  )
  const draw = normals(21)
  const lower = { features, targets: features.map(() => Array.from({ length: OUT }, draw)) }
  const problem = ridge(lower, data.upper)

  for (const dtype of ['float64', 'float32'] as const)
    it(`is that of exact and finite-difference where H is the identity (${dtype})`, () => {
      const logDecay = LOG_DECAY.map(() => Math.log(0.5))
      const solution = problem.solve(logDecay)
      const x = solution.map((_, k) => k - 3)
      within(times(problem.hessian(solution, logDecay), x), x, 1e-15)
      const truth = closedForm(problem, logDecay)
      within(run(problem, { method: 'exact' }, { dtype, logDecay }), truth, TOLERANCE[dtype])
      within(
        run(problem, { method: 'finite-difference', radius: 1 }, { dtype, logDecay }),
        truth,
        10 * TOLERANCE[dtype],
      )
      const one: MethodChoice[] = [
        { method: 'conjugate-gradient', iterations: 1 },
        { method: 'neumann', terms: 1, stepSize: 1 },
        { method: 'unrolled', learningRate: 1 },
      ]
      for (const choice of one) within(run(problem, choice, { dtype, logDecay }), truth, TOLERANCE[dtype])
    })

  for (const dtype of ['float64', 'float32'] as const)
    it(`is that of sama where the optimizer's state makes its preconditioner the inverse Hessian (${dtype})`, () =>
      scope(() => {
        // With no last gradient and no eps the factor is learningRate (1 - b1) / sqrt(s).
        const [learningRate, beta1] = [0.3, 0.9]
        const hessian = problem.hessian(problem.solve(LOG_DECAY), LOG_DECAY)
        const square = hessian.map((row, k) => (learningRate * (1 - beta1) * row[k]!) ** 2)
        const list = (values: number[]) => [tensor(Float64Array.from(values), { dtype, shape: problem.shape })]
        const zero = list(square.map(() => 0))
        const optimizerState = {
          expAvg: zero,
          expAvgSq: list(square),
          gradient: zero,
          learningRate,
          betas: [beta1, 0.99],
          eps: 0,
        } as const
        const got = run(
          problem,
          { method: 'sama', optimizerState: { ...optimizerState, betas: [beta1, 0.99] } },
          { dtype },
        )
        within(got, closedForm(problem, LOG_DECAY), 10 * TOLERANCE[dtype])
      }))
})
