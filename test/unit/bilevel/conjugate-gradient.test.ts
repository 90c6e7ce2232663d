import assert from 'node:assert/strict'
import type { ConjugateGradientOptions } from '../../../lib/bilevel/index.ts'
import { ArgumentError, TorchError } from '../../../lib/errors.ts'
import { mul, sum } from '../../../lib/ops/index.ts'
import { scope } from '../../../lib/tensor/index.ts'
import { length, type Matrix, matrixProblem, times, withEigenvalues } from './matrix-problem.ts'
import { watch } from './watch.ts'

const dot = (x: readonly number[], y: readonly number[]) => x.reduce((total, value, i) => total + value * y[i]!, 0)

/** Textbook conjugate gradients in plain numbers: every iterate, from zero on, and p.Hp of every iteration. */
function iterates(hessian: Matrix, v: readonly number[], count: number) {
  let [x, r, p] = [v.map(() => 0), [...v], [...v]]
  const [points, curvatures] = [[x], [] as number[]]
  for (let i = 0; i < count; i++) {
    const product = times(hessian, p)
    const rr = dot(r, r)
    curvatures.push(dot(p, product))
    const step = rr / curvatures.at(-1)!
    x = x.map((value, k) => value + step * p[k]!)
    r = r.map((value, k) => value - step * product[k]!)
    p = r.map((value, k) => value + (dot(r, r) / rr) * p[k]!)
    points.push(x)
  }
  return { points, curvatures }
}

const v = [1, -2, 0.5, 3]
const definite = withEigenvalues([0.5, 1, 2, 3])
const indefinite = withEigenvalues([-2, 1, 2, 3])
const plus = (matrix: Matrix, damping: number) =>
  matrix.map((row, i) => row.map((value, j) => value + (i === j ? damping : 0)))
const run = (hessian: Matrix, options: ConjugateGradientOptions = {}, start = v) =>
  scope(() => watch(matrixProblem(hessian, start), { method: 'conjugate-gradient', ...options }))

function assertClose(got: readonly number[], expected: readonly number[], tolerance = 1e-12): void {
  assert.equal(got.length, expected.length)
  got.forEach((value, i) => assert.ok(Math.abs(value - expected[i]!) < tolerance, `${got} is not ${expected}`))
}

describe('conjugate-gradient', () => {
  for (const iterations of [1, 2, 3])
    it(`is the textbook iterate ${iterations}, all lower parameters as one vector`, () => {
      const { inverseProduct, diagnostics, warnings } = run(definite, { iterations })
      const x = iterates(definite, v, iterations).points.at(-1)!
      assertClose(inverseProduct, x)
      const residual = v.map((value, i) => value - times(definite, x)[i]!)
      assertClose([diagnostics.residuals.at(-1)!], [length(residual) / length(v)])
      assert.equal(diagnostics.residuals.length, iterations + 1)
      assert.deepEqual(warnings, [])
    })

  it('has the solution after as many iterations as H has eigenvalues, and stops there', () => {
    const { inverseProduct, diagnostics, warnings } = run(definite, { iterations: 50 })
    assertClose(times(definite, inverseProduct), v, 1e-11)
    assert.ok(diagnostics.residuals.length <= 7, `${diagnostics.residuals}`)
    assert.deepEqual(warnings, [])
  })

  it('solves (H + damping I) x = v', () => {
    const { inverseProduct } = run(definite, { iterations: 6, damping: 0.7 })
    assertClose(times(plus(definite, 0.7), inverseProduct), v, 1e-11)
  })

  it('stops at the tolerance', () => {
    const { residuals } = run(definite, { iterations: 50, tolerance: 0.2 }).diagnostics
    assert.ok(residuals.at(-1)! <= 0.2 && residuals.at(-2)! > 0.2, `${residuals}`)
  })

  it('evaluates the lower loss once for all products', () =>
    scope(() => {
      const problem = matrixProblem(definite, v)
      watch(problem, { method: 'conjugate-gradient', iterations: 3 })
      assert.equal(problem.losses.length, 1)
    }))

  it('is the direct gradient where v is zero', () => {
    const { inverseProduct, diagnostics, warnings } = run(definite, {}, [0, 0, 0, 0])
    assert.deepEqual(inverseProduct, [0, 0, 0, 0])
    assert.deepEqual(diagnostics.residuals, [0])
    assert.deepEqual(warnings, [])
  })

  describe('on an indefinite Hessian', () => {
    const { points, curvatures } = iterates(indefinite, v, 4)
    const at = curvatures.findIndex(curvature => curvature <= 0) + 1

    it('stops where p.Hp is not above 0, keeps the iterate before, and warns once with the iteration', () => {
      assert.ok(at > 1, `${curvatures}`)
      const { inverseProduct, diagnostics, warnings } = run(indefinite, { iterations: 20 })
      assertClose(inverseProduct, points[at - 1]!)
      assert.deepEqual([diagnostics.breakdown!.kind, diagnostics.breakdown!.at], ['no-curvature', at])
      assert.equal(diagnostics.residuals.length, at)
      assert.equal(warnings.length, 1)
      assert.equal(warnings[0]!.type, 'BidoraWarning')
      assert.match(warnings[0]!.message, new RegExp(`^conjugate-gradient: .* at iteration ${at}: `))
    })

    it('is the direct gradient alone where that is the first iteration', () => {
      for (const hessian of [withEigenvalues([-1, -1, -2, -3]), withEigenvalues([0, 0, 0, 0])]) {
        const { inverseProduct, diagnostics } = run(hessian)
        assert.deepEqual(inverseProduct, [0, 0, 0, 0])
        assert.equal(diagnostics.breakdown!.at, 1)
      }
    })

    it('takes the direct gradient alone with first-order', () => {
      const { inverseProduct, diagnostics } = run(indefinite, { onBreakdown: 'first-order' })
      assert.deepEqual(inverseProduct, [0, 0, 0, 0])
      assert.equal(diagnostics.breakdown!.at, at)
    })

    it('is an error with throw, which names the iteration', () =>
      assert.throws(
        () => run(indefinite, { onBreakdown: 'throw' }),
        (error: TorchError) =>
          error instanceof TorchError && error.code === 'HYPERGRADIENT_BREAKDOWN' && error.details.at === at,
      ))

    it('does not break down with enough damping', () => {
      const { inverseProduct, warnings } = run(indefinite, { damping: 2.5, iterations: 8, onBreakdown: 'throw' })
      assertClose(times(plus(indefinite, 2.5), inverseProduct), v, 1e-11)
      assert.deepEqual(warnings, [])
    })
  })

  it('is an error where a number is not finite, and names it', () =>
    scope(() => {
      const problem = matrixProblem(definite, v)
      const broken = (name: 'lowerLoss' | 'upperLoss') => ({
        ...problem,
        [name]: () => mul(sum(problem.lowerParameters[1]!.square()), Number.NaN),
      })
      const refused = (name: 'lowerLoss' | 'upperLoss', expected: RegExp) =>
        assert.throws(
          () => watch(broken(name), { method: 'conjugate-gradient', onBreakdown: 'first-order' }),
          (error: TorchError) => error.code === 'HYPERGRADIENT_NOT_FINITE' && expected.test(error.message),
        )
      refused('lowerLoss', /NaN as p\.Hp of iteration 1/)
      refused('upperLoss', /NaN as the norm of grad_V upperLoss/)
      // A product that overflows is no direction without curvature.
      const huge = matrixProblem([[-1e308]], [3])
      assert.throws(() => watch(huge, { method: 'conjugate-gradient' }), {
        code: 'HYPERGRADIENT_NOT_FINITE',
        message: /-Infinity as p\.Hp of iteration 1/,
      })
    }))

  for (const [dtype, tolerance] of [
    ['float32', 1e-5],
    ['bfloat16', 0.05],
  ] as const)
    it(`solves with ${dtype} parameters`, () =>
      scope(() => {
        const problem = matrixProblem(definite, v, dtype)
        const { inverseProduct } = watch(problem, { method: 'conjugate-gradient', iterations: 8 })
        const expected = run(definite, { iterations: 8 }).inverseProduct
        assertClose(inverseProduct, expected, tolerance * length(expected))
      }))

  it('refuses options out of their range, and says what they are', () => {
    const refused = (options: object, expected: RegExp) =>
      assert.throws(
        () => run(definite, options),
        (error: Error) => error instanceof ArgumentError && expected.test(error.message),
      )
    for (const iterations of [0, 1.5, Number.NaN])
      refused({ iterations }, /expected a whole number of iterations of at least 1, got .*: each costs one product/)
    for (const damping of [-0.1, Number.NaN, Number.POSITIVE_INFINITY])
      refused({ damping }, /expected a damping of at least 0, got .*: it is added to every eigenvalue/)
    for (const tolerance of [-1, 1, Number.NaN])
      refused({ tolerance }, /expected a tolerance of at least 0 and below 1, got .*: the residual to stop at/)
    refused({ onBreakdown: undefined, iterations: '3' }, /got 3/)
    refused({ onBreakdown: null }, /expected onBreakdown to be/)
  })
})
