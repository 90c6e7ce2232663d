import assert from 'node:assert/strict'
import { type BilevelProblem, hypergradient } from 'bidora-torch/bilevel'
import { add, grad, mul, scope, sub, type Tensor, tensor } from 'bidora-torch/torch'

// What the room's README says of more than two levels, and of more than one upper problem: two levels are enough to
// write both down. Every number here has a closed form.

const number = (value: number): Tensor => tensor(value, { dtype: 'float64', requiresGrad: true })
const halfSquare = (x: Tensor): Tensor => mul(mul(x, x), 0.5)

describe('example: beyond one lower and one upper level', () => {
  it('a third level is steps inside the loss of the level above it', () =>
    scope(() => {
      // Lowest: u*(v) = argmin (u - v)^2 / 2 ;  lower: v*(m) = argmin (v - m)^2 / 2 + c u*(v)^2 / 2 ;  upper: (v - t)^2 / 2
      const [c, m, t] = [3, 2, -1]
      const middle = number(m / (1 + c)) // solved: v*(m) = m / (1 + c)
      const upper = number(m)
      const problem: BilevelProblem<null> = {
        lowerLoss: () => {
          const start = number(5)
          const [gradient] = grad(halfSquare(sub(start, middle)), [start], { createGraph: true })
          const lowest = sub(start, gradient!) // one step of length 1 solves it, and stays in the graph
          return add(halfSquare(sub(middle, upper)), mul(halfSquare(lowest), c))
        },
        upperLoss: () => halfSquare(sub(middle, t)),
        lowerParameters: [middle],
        upperParameters: [upper],
      }
      const batches = { lowerBatch: null, upperBatch: null }
      const [found] = hypergradient(problem, { ...batches, method: 'conjugate-gradient' })
      const expected = (m / (1 + c) - t) / (1 + c) // the `1 + c` below the line is the third level's part
      assert.ok(Math.abs(found!.item() - expected) < 1e-12, `${found!.item()} for ${expected}`)
    }))

  it('several upper problems over one lower level are a hypergradient each', () =>
    scope(() => {
      // Lower: w*(a, b) = argmin (w - a - 2 b)^2 / 2 ;  one player moves a by (w - 1)^2 / 2, another b by (w - 4)^2 / 2
      const [a, b] = [number(0.5), number(1)]
      const w = number(0.5 + 2 * 1)
      const lowerLoss = () => halfSquare(sub(sub(w, a), mul(b, 2)))
      const player = (own: Tensor, wish: number): BilevelProblem<null> => ({
        lowerLoss,
        upperLoss: () => halfSquare(sub(w, wish)),
        lowerParameters: [w],
        upperParameters: [own],
      })
      const of = (problem: BilevelProblem<null>) =>
        hypergradient(problem, { lowerBatch: null, upperBatch: null, method: 'exact' })[0]!.item()
      assert.equal(of(player(a, 1)), 2.5 - 1)
      assert.equal(of(player(b, 4)), 2 * (2.5 - 4))
    }))
})
