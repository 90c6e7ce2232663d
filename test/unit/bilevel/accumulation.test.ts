import assert from 'node:assert/strict'
import { Accumulated, accumulated, hypergradient, type MethodName } from '../../../lib/bilevel/index.ts'
import { upperStepGradients } from '../../../lib/bilevel/hypergradient.ts'
import { ArgumentError } from '../../../lib/errors.ts'
import { manualSeed, scope, type Tensor } from '../../../lib/tensor/index.ts'
import { choices } from './choices.ts'
import { drawMask, type Network, network, type Rows } from './network.ts'

const METHODS = Object.keys(choices([])) as MethodName[]

/** Parts of unequal size, one after the other. */
function parts(counts: number[], start = 0): { batch: Rows; weight: number }[] {
  const all = counts.reduce((total, count) => total + count, 0)
  return counts.map((count, i) => ({
    batch: { start: start + counts.slice(0, i).reduce((total, before) => total + before, 0), count },
    weight: count / all,
  }))
}

const numbers = (gradients: Tensor[]) => gradients.flatMap(gradient => [...(gradient.data() as Float64Array)])

function assertClose(got: number[], expected: number[], tolerance: number): void {
  const largest = Math.max(...expected.map(Math.abs))
  assert.ok(largest > 0)
  got.forEach((value, i) => {
    const error = Math.abs(value - expected[i]!) / largest
    assert.ok(error < tolerance, `entry ${i}: ${value} is not ${expected[i]} (${error})`)
  })
}

const of = (
  problem: Network,
  method: MethodName,
  lowerBatch: Rows | Accumulated<Rows>,
  upperBatch: Rows | Accumulated<Rows>,
) => {
  manualSeed(11)
  return numbers(hypergradient(problem, { lowerBatch, upperBatch, ...choices(problem.lowerParameters)[method] }))
}

describe('accumulated', () => {
  for (const method of METHODS) {
    it(`equals the large batch at both levels: ${method}`, () =>
      scope(() => {
        const problem = network()
        const large = of(problem, method, { start: 0, count: 7 }, { start: 7, count: 5 })
        const inParts = of(problem, method, accumulated(parts([4, 1, 2])), accumulated(parts([2, 3], 7)))
        assertClose(inParts, large, 1e-12)
      }))

    it(`draws the same masks in every evaluation, others in every part: ${method}`, () =>
      scope(() => {
        const problem = network(0.4)
        const shared = accumulated(parts([4, 3]))
        const random = of(problem, method, shared, { start: 7, count: 5 })
        manualSeed(11)
        const masks = shared.parts.map(({ batch }) => drawMask(batch.count, 0.4))
        const fixed = accumulated(
          shared.parts.map(({ batch, weight }, i) => ({ batch: { ...batch, mask: masks[i]! }, weight })),
        )
        assertClose(random, of(problem, method, fixed, { start: 7, count: 5 }), 1e-12)
      }))
  }

  it('unrolls several steps, each batch whole or in parts', () =>
    scope(() => {
      const problem = network()
      const upperBatch = { start: 7, count: 5 }
      const unroll = (lowerBatch: (Rows | Accumulated<Rows>)[]) =>
        numbers(hypergradient(problem, { lowerBatch, upperBatch, method: 'unrolled', learningRate: 0.1, steps: 2 }))
      const large = unroll([
        { start: 0, count: 3 },
        { start: 3, count: 4 },
      ])
      assertClose(unroll([{ start: 0, count: 3 }, accumulated(parts([1, 3], 3))]), large, 1e-12)
    }))

  it('frees the graph of a part before the next is made', () =>
    scope(() => {
      const problem = network()
      for (const choice of Object.values(choices(problem.lowerParameters))) {
        const alive: number[] = []
        const watched = {
          ...problem,
          lowerLoss: (rows: Rows) => {
            alive.push(problem.seen.lower.filter(loss => !loss.disposed).length)
            return problem.lowerLoss(rows)
          },
          upperLoss: (rows: Rows) => {
            alive.push(problem.seen.upper.filter(loss => !loss.disposed).length)
            return problem.upperLoss(rows)
          },
        }
        hypergradient(watched, {
          lowerBatch: accumulated(parts([4, 3])),
          upperBatch: accumulated(parts([2, 3], 7)),
          ...choice,
        })
        assert.ok(alive.length >= 2)
        assert.deepEqual(
          alive,
          alive.map(() => 0),
          choice.method,
        )
      }
    }))

  it('reports the upper loss of the whole', () =>
    scope(() => {
      const problem = network()
      const loss = (upperBatch: Rows | Accumulated<Rows>) =>
        upperStepGradients(
          problem,
          { lowerBatch: { start: 0, count: 7 }, upperBatch },
          { method: 'exact' },
        ).upperLoss.item() as number
      assertClose([loss(accumulated(parts([2, 3], 7)))], [loss({ start: 7, count: 5 })], 1e-14)
    }))

  it('refuses what is no division of a batch', () => {
    const refused = (expected: RegExp, list: { batch: unknown; weight: number }[]) =>
      assert.throws(
        () => accumulated(list),
        (error: Error) => error instanceof ArgumentError && expected.test(error.message),
      )
    refused(/at least one part, got none/, [])
    refused(/sum to 1, got 0\.9/, [
      { batch: 1, weight: 0.5 },
      { batch: 2, weight: 0.4 },
    ])
    refused(/at least 0, got -0\.5 at part 1/, [
      { batch: 1, weight: 1.5 },
      { batch: 2, weight: -0.5 },
    ])
    refused(/at least 0, got NaN at part 0/, [{ batch: 1, weight: Number.NaN }])
    refused(/plain batches, got an accumulated one at part 0/, [
      { batch: accumulated([{ batch: 1, weight: 1 }]), weight: 1 },
    ])
    assert.ok(accumulated([{ batch: 1, weight: 1 }]) instanceof Accumulated)
    assert.equal(accumulated([1, 2, 3].map(batch => ({ batch, weight: 1 / 3 }))).parts.length, 3)
  })
})
