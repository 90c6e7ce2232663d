import assert from 'node:assert/strict'
import { accumulated, hypergradient, type MethodChoice } from '../../lib/bilevel/index.ts'
import type { Batch } from '../../lib/models/index.ts'
import { square, sub, sum } from '../../lib/ops/index.ts'
import { manualSeed, type Tensor } from '../../lib/tensor/index.ts'
import { choices } from '../unit/bilevel/choices.ts'
import { withTransformer } from './adapted-transformer.ts'

const bits = (tensors: readonly Tensor[]) =>
  tensors.map(value => Buffer.from((value.data() as Float64Array).slice().buffer).toString('hex'))
const norm = (list: readonly Tensor[]) =>
  Math.sqrt(list.reduce((total, value) => total + (sum(square(value)).item() as number), 0))

// The lower loss of this problem has a regulariser of the directions, the upper one none: as in BiDoRA's, the upper loss is
// the part of the lower one that contains magnitudes.
describe('the lower loss without its regulariser, where only derivatives by magnitudes are wanted', () => {
  for (const magnitudeAxis of ['out', 'in'] as const) {
    it(`gives the same hypergradient on an adapted transformer (axis ${magnitudeAxis})`, () =>
      withTransformer({ magnitudeAxis, dropout: 0.1 }, (problem, { lowerBatch, upperBatch }) => {
        const counts = { lower: 0, coupled: 0 }
        const counted = {
          ...problem,
          lowerLoss: (batch: Batch) => {
            counts.lower++
            return problem.lowerLoss(batch)
          },
        }
        const withCoupled = {
          ...counted,
          coupledLoss: (batch: Batch) => {
            counts.coupled++
            return problem.upperLoss(batch)
          },
        }
        const inParts = accumulated([
          { batch: lowerBatch, weight: 0.25 },
          { batch: upperBatch, weight: 0.75 },
        ])
        const every = choices(problem.lowerParameters)
        /** How often each loss is evaluated with `coupledLoss`: lower, coupled; for a plain batch and one of two parts. */
        const evaluations: Record<keyof typeof every, [number[], number[]]> = {
          'first-order': [
            [0, 0],
            [0, 0],
          ],
          'finite-difference': [
            [0, 2],
            [0, 4],
          ],
          exact: [
            [0, 1],
            [0, 2],
          ],
          neumann: [
            [1, 0],
            [6, 2],
          ],
          'conjugate-gradient': [
            [1, 0],
            [6, 2],
          ],
          unrolled: [
            [1, 1],
            [2, 2],
          ],
          sama: [
            [0, 2],
            [0, 4],
          ],
        }
        for (const [method, choice] of Object.entries(every) as [keyof typeof every, MethodChoice][]) {
          if (magnitudeAxis === 'in' && method !== 'finite-difference') continue // the axis is no concern of a method
          for (const [place, batch] of [lowerBatch, inParts].entries()) {
            const of = (one: typeof problem) => {
              manualSeed(2)
              counts.lower = counts.coupled = 0
              return hypergradient(one, { lowerBatch: batch as Batch, upperBatch, ...choice } as Parameters<
                typeof hypergradient<Batch, Batch>
              >[1])
            }
            const wanted = of(counted)
            const got = of(withCoupled)
            assert.deepEqual([counts.lower, counts.coupled], evaluations[method][place], method)
            if (method === 'finite-difference') assert.deepEqual(bits(got), bits(wanted))
            const error = norm(got.map((value, i) => sub(value, wanted[i]!))) / norm(wanted)
            assert.ok(error < 1e-12, `${method}: ${error}`)
          }
        }
        if (magnitudeAxis === 'in') return
        // The regulariser does matter where the Hessian is wanted: a method that left it out there would be seen.
        const bent = { ...problem, lowerLoss: problem.upperLoss }
        const choice = every.neumann
        const of = (one: typeof problem) => {
          manualSeed(2)
          return hypergradient(one, { lowerBatch, upperBatch, ...choice })
        }
        const [full, without] = [of(problem), of(bent)]
        assert.ok(norm(full.map((value, i) => sub(value, without[i]!))) > 1e-9 * norm(full))
      }))
  }
})
