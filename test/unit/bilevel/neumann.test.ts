import assert from 'node:assert/strict'
import { hypergradient, type NeumannOptions } from '../../../lib/bilevel/index.ts'
import { ArgumentError, TorchError } from '../../../lib/errors.ts'
import { scope } from '../../../lib/tensor/index.ts'
import { length, type Matrix, matrixProblem, times, withEigenvalues } from './matrix-problem.ts'
import { watch } from './watch.ts'

/** The series in plain numbers: stepSize sum of the residuals, and the residuals' lengths. */
function series(hessian: Matrix, v: readonly number[], terms: number, stepSize: number) {
  let [r, p] = [[...v], [...v]]
  const residuals = [length(v)]
  for (let term = 0; term < terms; term++) {
    const product = times(hessian, r)
    r = r.map((value, i) => value - stepSize * product[i]!)
    p = p.map((value, i) => value + r[i]!)
    residuals.push(length(r))
  }
  return { inverseProduct: p.map(value => stepSize * value), residuals }
}

const v = [1, -2, 0.5, 3]
const definite = withEigenvalues([0.5, 1, 2, 3])
const indefinite = withEigenvalues([-0.3, 1, 2, 3])
const run = (hessian: Matrix, options: Omit<NeumannOptions, 'stepSize'> & { stepSize?: number }) =>
  scope(() => watch(matrixProblem(hessian, v), { method: 'neumann', stepSize: 0.2, ...options }))

function assertClose(got: readonly number[], expected: readonly number[], tolerance = 1e-12): void {
  assert.equal(got.length, expected.length)
  got.forEach((value, i) => assert.ok(Math.abs(value - expected[i]!) < tolerance, `${got} is not ${expected}`))
}

describe('neumann', () => {
  for (const terms of [0, 1, 2, 7])
    it(`is stepSize times the sum of ${terms + 1} terms`, () => {
      const expected = series(definite, v, terms, 0.2)
      const { inverseProduct, diagnostics, warnings } = run(definite, { terms })
      assertClose(inverseProduct, expected.inverseProduct)
      assertClose(
        diagnostics.residuals,
        expected.residuals.map(residual => residual / length(v)),
      )
      assert.equal(diagnostics.breakdown, undefined)
      assert.deepEqual(warnings, [])
    })

  it('approaches the solution', () =>
    assertClose(times(definite, run(definite, { terms: 400 }).inverseProduct), v, 1e-10))

  it('has ten terms by default', () =>
    assertClose(run(definite, {}).inverseProduct, series(definite, v, 10, 0.2).inverseProduct))

  it('is exact after one term where H is the identity', () => {
    const { inverseProduct, diagnostics } = run(withEigenvalues([1, 1, 1, 1]), { terms: 3, stepSize: 1 })
    assertClose(inverseProduct, v)
    assert.equal(diagnostics.breakdown, undefined)
  })

  it('reports no breakdown where a residual stands still, or grows by rounding alone', () =>
    scope(() => {
      for (const dtype of ['float64', 'float32', 'bfloat16'] as const)
        for (const eigenvalues of [
          [0, 0, 1, 1],
          [0, 0.5, 1, 1],
          [0, 1, 1.5, 2],
        ]) {
          const problem = matrixProblem(withEigenvalues(eigenvalues), v, dtype)
          assert.deepEqual(watch(problem, { method: 'neumann', terms: 100, stepSize: 1 }).warnings, [])
        }
    }))

  it('evaluates the lower loss once for all products', () =>
    scope(() => {
      const problem = matrixProblem(definite, v)
      watch(problem, { method: 'neumann', terms: 5, stepSize: 0.1 })
      assert.equal(problem.losses.length, 1)
    }))

  describe('on an indefinite Hessian', () => {
    const expected = series(indefinite, v, 30, 0.2)
    const first = expected.residuals.findIndex((residual, i) => i > 0 && residual > expected.residuals[i - 1]!)

    it('keeps the series as it is, reports the term from which residuals grow, and warns once', () => {
      assert.ok(first > 1 && first < 30)
      const { inverseProduct, diagnostics, warnings } = run(indefinite, { terms: 30 })
      assertClose(inverseProduct, expected.inverseProduct)
      assert.deepEqual([diagnostics.breakdown!.kind, diagnostics.breakdown!.at], ['residual-grows', first])
      assert.equal(warnings.length, 1)
      assert.equal(warnings[0]!.type, 'BidoraWarning')
      assert.match(warnings[0]!.message, new RegExp(`^neumann: .* at term ${first}: .*onBreakdown 'keep'`))
    })

    it('warns once a problem, and hands the record over each time', () =>
      scope(() => {
        const [one, other] = [matrixProblem(indefinite, v), matrixProblem(indefinite, v)]
        const found = [one, one, other].map(problem => watch(problem, { method: 'neumann', terms: 30, stepSize: 0.2 }))
        assert.deepEqual(
          found.map(({ warnings, diagnostics }) => [warnings.length, diagnostics.breakdown!.at]),
          [
            [1, first],
            [0, first],
            [1, first],
          ],
        )
      }))

    it('says nothing where it stops before', () => assert.deepEqual(run(indefinite, { terms: first - 1 }).warnings, []))

    it('takes the direct gradient alone with first-order', () => {
      const { inverseProduct, diagnostics, warnings } = run(indefinite, { terms: 30, onBreakdown: 'first-order' })
      assert.deepEqual(inverseProduct, [0, 0, 0, 0])
      assert.equal(diagnostics.breakdown!.at, first)
      assert.match(warnings[0]!.message, /the direct gradient alone is taken/)
      const whole = run(definite, { terms: 30, onBreakdown: 'first-order' }) // only where it breaks down
      assertClose(whole.inverseProduct, series(definite, v, 30, 0.2).inverseProduct)
    })

    it('is an error with throw, which names the term', () =>
      assert.throws(
        () => run(indefinite, { terms: 30, onBreakdown: 'throw' }),
        (error: TorchError) =>
          error instanceof TorchError && error.code === 'HYPERGRADIENT_BREAKDOWN' && error.details.at === first,
      ))
  })

  it('reports a step size that is too large at the first term', () =>
    assert.equal(run(definite, { terms: 5, stepSize: 4 }).diagnostics.breakdown!.at, 1))

  it('is an error where a residual is not finite, whatever onBreakdown says', () => {
    for (const onBreakdown of ['keep', 'first-order', 'throw'] as const)
      assert.throws(
        () => run(definite, { terms: 5, stepSize: 1e200, onBreakdown }),
        (error: TorchError) =>
          error.code === 'HYPERGRADIENT_NOT_FINITE' &&
          /Infinity as the norm of the residual of step 1/.test(error.message),
      )
  })

  for (const dtype of ['float32', 'bfloat16'] as const)
    it(`adds up ${dtype} parameters in float32`, () =>
      scope(() => {
        const problem = matrixProblem([[0.5]], [1], dtype)
        // 1 + 31/32 + (31/32)^2 + ... : sums in bfloat16 would stop growing at 1 / 2^-8 of a term.
        const expected = series([[0.5]], [1], 100, 1 / 16).inverseProduct
        const { inverseProduct } = watch(problem, { method: 'neumann', terms: 100, stepSize: 1 / 16 })
        assertClose(inverseProduct, expected, dtype === 'float32' ? 1e-5 : 0.02)
        const [gradient] = hypergradient(problem, {
          lowerBatch: null,
          upperBatch: null,
          method: 'neumann',
          stepSize: 0.1,
        })
        assert.equal(gradient!.dtype, dtype)
      }))

  it('refuses options out of their range, and says what they are', () => {
    const refused = (options: object, expected: RegExp) =>
      assert.throws(
        () => run(definite, options),
        (error: Error) => error instanceof ArgumentError && expected.test(error.message),
      )
    for (const terms of [-1, 1.5, Number.NaN])
      refused({ terms }, /neumann: expected a whole number of terms of at least 0, got .*: terms of the series/)
    for (const stepSize of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, undefined, '1'])
      refused({ stepSize }, /neumann: expected a stepSize above 0, got .*: it must lie below 2 \/ \(largest eigenvalue/)
    refused({ onBreakdown: 'ignore' }, /expected onBreakdown to be keep, first-order, throw, got ignore/)
  })
})
