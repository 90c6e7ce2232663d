import assert from 'node:assert/strict'
import { grad, noGrad } from '../../lib/autograd/index.ts'
import { hypergradient, type MethodChoice } from '../../lib/bilevel/index.ts'
import { clone, foreachAdd, foreachCopy_, mul, randn, square, sub, sum } from '../../lib/ops/index.ts'
import { AdamW, differentiableAdamW } from '../../lib/optim/index.ts'
import { manualSeed, scope, type Tensor } from '../../lib/tensor/index.ts'
import { withTransformer } from './adapted-transformer.ts'

const norm = (list: Tensor[]): number =>
  Math.sqrt(list.reduce((total, value) => total + (sum(square(value)).item() as number), 0))

const places = (['out', 'in'] as const).flatMap(magnitudeAxis => [0, 0.1].map(dropout => ({ magnitudeAxis, dropout })))

// The whole way of the search on a transformer with every linear layer adapted: a central difference whose error falls
// with the square of its radius has a true mixed derivative as its limit.
describe('hypergradient of an adapted transformer: finite-difference approaches exact (float64)', () => {
  for (const place of places) {
    it(`axis ${place.magnitudeAxis}, dropout ${place.dropout}`, () =>
      withTransformer(place, (problem, batches) => {
        const of = (choice: MethodChoice) => {
          manualSeed(2)
          return hypergradient(problem, { ...batches, ...choice })
        }
        const exact = of({ method: 'exact' })
        const difference = (choice: MethodChoice) => norm(of(choice).map((value, i) => sub(value, exact[i]!)))
        const implicit = difference({ method: 'first-order' })
        assert.ok(implicit > 0.05 * norm(exact), 'the implicit term matters here')
        const errors = [0.1, 0.01, 0.001].map(radius => difference({ method: 'finite-difference', radius }) / implicit)
        assert.ok(errors[0]! < 0.1 && errors[1]! < errors[0]! / 50 && errors[2]! < errors[1]! / 50, errors.join(' '))
      }))
  }
})

describe('hypergradient of an adapted transformer: unrolled is the derivative of real AdamW steps (float64)', () => {
  for (const place of [places[1]!, places[2]!]) {
    it(`axis ${place.magnitudeAxis}, dropout ${place.dropout}`, () =>
      withTransformer(place, (problem, { lowerBatch, upperBatch }) => {
        const { lowerParameters, upperParameters } = problem
        const batches = [lowerBatch, upperBatch]
        const options = { learningRate: 0.02, weightDecay: 0.1, eps: 1e-3 }
        const copies = (list: readonly Tensor[]) => noGrad(() => list.map(value => clone(value)))
        const [lowerStart, upperStart] = [copies(lowerParameters), copies(upperParameters)]
        const put = (list: readonly Tensor[], values: readonly Tensor[]) =>
          noGrad(() => void foreachCopy_(list, values))
        const direction = copies(upperParameters).map(value => randn(value.shape, { dtype: 'float64' }))
        /** The upper loss after the real steps, with the magnitudes moved along the direction. */
        const lossAt = (offset: number) =>
          scope(() => {
            manualSeed(2)
            const { learningRate, ...others } = options
            const optimizer = new AdamW([{ parameters: lowerParameters, learningRate }], others)
            put(upperParameters, foreachAdd(upperStart, direction, { alpha: offset }))
            for (const batch of batches)
              optimizer.step(grad(problem.lowerLoss(batch), lowerParameters, { allowUnused: true }))
            const value = problem.upperLoss(upperBatch).item() as number
            optimizer.dispose()
            put(lowerParameters, lowerStart)
            put(upperParameters, upperStart)
            return value
          })
        manualSeed(2)
        const update = differentiableAdamW(options)
        const gradients = hypergradient(problem, {
          lowerBatch: batches,
          upperBatch,
          method: 'unrolled',
          update,
          steps: 2,
        })
        const along = gradients.reduce((total, g, i) => total + (sum(mul(g, direction[i]!)).item() as number), 0)
        const [wide, close] = [3e-4, 3e-5].map(step => (lossAt(step) - lossAt(-step)) / (2 * step))
        const [first, second] = [Math.abs(wide! - along), Math.abs(close! - along)]
        assert.ok(second < 1e-5 * Math.abs(along) && second < first / 30, `${along} ${wide} ${close}`)
      }))
  }
})
