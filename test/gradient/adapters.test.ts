import {
  type BidoraLayer,
  bidoraLinear,
  directionNorm,
  doraLinear,
  forgetConstants,
  loraLinear,
  type MagnitudeAxis,
  mergedWeight,
  orthogonality,
} from '../../lib/adapters/index.ts'
import { gradcheck, gradgradcheck } from '../../lib/autograd/check.ts'
import { mul, randn } from '../../lib/ops/index.ts'
import { manualSeed, scope, type Tensor } from '../../lib/tensor/index.ts'
import { randomLayer } from '../unit/adapters/layers.ts'

const leaf = (shape: number[]) => {
  const value = randn(shape, { dtype: 'float64' })
  value.requiresGrad = true
  return value
}

/** Checks first and second derivatives of a function of a layer's factors and its magnitude. */
function check(layer: BidoraLayer, compute: (layer: BidoraLayer) => Tensor): void {
  const inputs = [layer.loraA, layer.loraB, layer.magnitude]
  const of = (loraA: Tensor, loraB: Tensor, magnitude: Tensor) => compute({ ...layer, loraA, loraB, magnitude })
  try {
    gradcheck(of, inputs)
    gradgradcheck(of, inputs)
  } finally {
    forgetConstants(layer.weight)
  }
}

const shapes = [
  { out: 3, width: 5, rank: 2 },
  { out: 5, width: 3, rank: 1 },
  { out: 4, width: 4, rank: 3 },
  { out: 7, width: 2, rank: 2 },
]

describe('derivatives of adapted layers, first and second (float64)', () => {
  for (const magnitudeAxis of ['out', 'in'] as MagnitudeAxis[]) {
    for (const shape of shapes) {
      const make = () => randomLayer({ ...shape, magnitudeAxis, scaling: 0.75 })
      it(`axis ${magnitudeAxis}, [${shape.out}, ${shape.width}], rank ${shape.rank}`, () =>
        scope(() => {
          manualSeed(1)
          const x = leaf([2, 2, shape.width])
          check(make(), layer => directionNorm(layer))
          check(make(), layer => mergedWeight(layer))
          check(make(), layer => orthogonality([layer]))
          check(make(), layer => bidoraLinear(x, layer))
        }))
    }
  }

  it('with respect to the input, and where the weight itself is trained', () =>
    scope(() => {
      manualSeed(2)
      for (const magnitudeAxis of ['out', 'in'] as MagnitudeAxis[]) {
        const layer = randomLayer({ out: 3, width: 4, rank: 1, magnitudeAxis })
        const [x, weight, bias] = [leaf([2, 4]), leaf([3, 4]), leaf([3])]
        const of = (input: Tensor, trained: Tensor, shift: Tensor) =>
          bidoraLinear(input, { ...layer, weight: trained, bias: shift })
        gradcheck(of, [x, weight, bias])
        gradgradcheck(of, [x, weight, bias])
        const gram = (trained: Tensor) => orthogonality([{ ...layer, weight: trained }])
        gradcheck(gram, [weight])
        gradgradcheck(gram, [weight])
      }
    }))

  it('of LoRA', () =>
    scope(() => {
      manualSeed(3)
      const x = leaf([3, 7])
      const layer = randomLayer({ magnitudeAxis: 'out' })
      const of = (input: Tensor, loraA: Tensor, loraB: Tensor) => loraLinear(input, { ...layer, loraA, loraB })
      gradcheck(of, [x, layer.loraA, layer.loraB])
      gradgradcheck(of, [x, layer.loraA, layer.loraB])
    }))

  it('of DoRA: that of a function with the norm held', () =>
    scope(() => {
      manualSeed(4)
      const layer = randomLayer({ magnitudeAxis: 'out' })
      const x = leaf([3, 7])
      // With respect to input and magnitude the norm is a constant anyway.
      gradcheck(
        (input: Tensor, magnitude: Tensor) => mul(doraLinear(input, { ...layer, magnitude }), 2),
        [x, layer.magnitude],
      )
      forgetConstants(layer.weight)
    }))
})
