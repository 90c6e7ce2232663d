import assert from 'node:assert/strict'
import { noGrad } from '../../../lib/autograd/index.ts'
import { accumulated, hypergradient, type MethodChoice, type RoundBatches, step } from '../../../lib/bilevel/index.ts'
import { add, clone, div, square, sub, sum } from '../../../lib/ops/index.ts'
import { manualSeed, moveToOuter, scope, type Tensor } from '../../../lib/tensor/index.ts'
import { choices } from './choices.ts'
import { type Network, network, type Rows } from './network.ts'

const whole: Rows = { start: 0, count: 8 }
const upperBatch: Rows = { start: 6, count: 6 }
const norm = (list: readonly Tensor[]) =>
  Math.sqrt(list.reduce((total, value) => total + (sum(square(value)).item() as number), 0))
const apart = (got: readonly Tensor[], wanted: readonly Tensor[]) =>
  norm(got.map((value, i) => sub(value, wanted[i]!))) / norm(wanted)
const partsOf = (count: number): Rows[] =>
  Array.from({ length: whole.count / count }, (_, part) => ({ start: part * count, count }))

/** What the upper update of a round gets, whose lower one moves nothing. */
function hypergradientOf(problem: Network, choice: MethodChoice, batches: RoundBatches<Rows, Rows>): Tensor[] {
  let given: Tensor[] = []
  step(problem, batches, {
    hypergradient: choice,
    updateLower: () => {},
    updateUpper: gradients => {
      given = gradients.map(gradient => moveToOuter(noGrad(() => clone(gradient))))
    },
  })
  return given
}

describe('a round whose implicit term has a batch of its own', () => {
  // What is linear in the lower loss; each of these takes its vector from elsewhere.
  for (const method of ['finite-difference', 'exact', 'sama'] as const) {
    for (const count of [1, 2, 4]) {
      it(`${method}: the mean over all parts of ${count} rows is the term of the whole batch (float64, no dropout)`, () =>
        scope(() => {
          manualSeed(1)
          const problem = network(0)
          const choice = choices(problem.lowerParameters)[method]
          const round = { lowerBatches: [whole], upperBatch }
          const direct = hypergradientOf(problem, { method: 'first-order' }, round)
          const implicit = (batches: RoundBatches<Rows, Rows>) =>
            hypergradientOf(problem, choice, batches).map((value, i) => sub(direct[i]!, value))
          const terms = partsOf(count).map(curvatureBatch => implicit({ ...round, curvatureBatch }))
          const wanted = implicit(round)
          const mean = wanted.map((_, i) =>
            div(
              terms.map(term => term[i]!).reduce((x, y) => add(x, y)),
              terms.length,
            ),
          )
          assert.ok(apart(mean, wanted) < 1e-10, String(apart(mean, wanted)))
          for (const term of terms) assert.ok(apart(term, wanted) > 1e-2, 'one part alone is another number')
        }))
    }
  }

  it('takes it for the implicit term alone, after the last of the lower steps, with every method', () =>
    scope(() => {
      manualSeed(2)
      const inner = network(0)
      const sample: Rows = { start: 2, count: 3 }
      for (const [method, choice] of Object.entries(choices(inner.lowerParameters))) {
        const seen: Rows[] = []
        const lowerLoss = (rows: Rows) => {
          seen.push(rows)
          return inner.lowerLoss(rows)
        }
        const batches = { lowerBatches: [upperBatch, whole], upperBatch, curvatureBatch: sample }
        const got = hypergradientOf({ ...inner, lowerLoss }, choice, batches)
        assert.deepEqual(seen.slice(0, 2), [upperBatch, whole])
        assert.ok(seen.slice(2).every(rows => rows === sample) && (method === 'first-order' || seen.length > 2))
        const wanted = hypergradient(inner, { lowerBatch: sample, upperBatch, ...choice } as Parameters<
          typeof hypergradient<Rows, Rows>
        >[1])
        assert.deepEqual(
          got.map(value => value.tolist()),
          wanted.map(value => value.tolist()),
          method,
        )
      }
    }))

  it('may be in parts, and is not the batch of a roll-back', () =>
    scope(() => {
      manualSeed(3)
      const inner = network(0)
      const choice = { method: 'finite-difference' } as const
      const parts = partsOf(2).slice(0, 2)
      const curvatureBatch = accumulated(parts.map(batch => ({ batch, weight: 0.5 })))
      const got = hypergradientOf(inner, choice, { lowerBatches: [whole], upperBatch, curvatureBatch })
      const plain = { start: 0, count: 4 }
      const wanted = hypergradientOf(inner, choice, { lowerBatches: [whole], upperBatch, curvatureBatch: plain })
      assert.ok(apart(got, wanted) < 1e-11)

      const seen: Rows[] = []
      const lowerLoss = (rows: Rows) => {
        seen.push(rows)
        return inner.lowerLoss(rows)
      }
      const moves = { updateLower: () => {}, updateUpper: () => {}, markLower: () => () => {} }
      const batches = { lowerBatches: [whole], upperBatch, curvatureBatch: plain }
      step({ ...inner, lowerLoss }, batches, { hypergradient: choice, ...moves })
      assert.deepEqual(seen, [whole, plain, plain, whole])
    }))
})
