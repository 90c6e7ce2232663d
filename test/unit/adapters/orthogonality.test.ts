import assert from 'node:assert/strict'
import { type BidoraLayer, forgetConstants, type MagnitudeAxis, orthogonality } from '../../../lib/adapters/index.ts'
import { grad } from '../../../lib/autograd/index.ts'
import { ArgumentError } from '../../../lib/errors.ts'
import { mul, to } from '../../../lib/ops/index.ts'
import { manualSeed, scope, type Tensor, tensor } from '../../../lib/tensor/index.ts'
import { denseGram, randomLayer } from './layers.ts'

const value = (scalar: Tensor) => scalar.item() as number

describe('orthogonality', () => {
  beforeEach(() => manualSeed(4))

  for (const magnitudeAxis of ['out', 'in'] as MagnitudeAxis[]) {
    const withLayer = (options: object, check: (layer: BidoraLayer) => void) =>
      scope(() => {
        const layer = randomLayer({ ...options, magnitudeAxis })
        try {
          check(layer)
        } finally {
          forgetConstants(layer.weight)
        }
      })

    it(`axis ${magnitudeAxis}: is the dense || Gram - I ||_F, square, tall and wide (two ways of computing)`, () => {
      for (const [out, width, rank] of [
        [6, 6, 2],
        [40, 9, 3],
        [9, 40, 3],
        [3, 7, 5],
        [48, 64, 8],
      ] as const) {
        withLayer({ out, width, rank, scaling: 0.5 }, layer => {
          const [got, expected] = [value(orthogonality([layer])), value(denseGram(layer))]
          assert.ok(Math.abs(got - expected) < 1e-10 * expected, `${out}x${width}: ${got} instead of ${expected}`)
          const gradients = grad(orthogonality([layer]), [layer.loraA, layer.loraB])
          const reference = grad(denseGram(layer), [layer.loraA, layer.loraB])
          gradients.forEach((gradient, i) => {
            const wanted = reference[i]!.reshape([-1]).tolist() as number[]
            ;(gradient.reshape([-1]).tolist() as number[]).forEach((entry, k) =>
              assert.ok(Math.abs(entry - wanted[k]!) < 1e-10),
            )
          })
        })
      }
    })

    it(`axis ${magnitudeAxis}: is the same in float32 to its rounding, and float32 for 16-bit weights`, () => {
      withLayer({ out: 64, width: 96, rank: 8, scaling: 0.1, dtype: 'float32' }, layer => {
        const wide = Object.fromEntries(
          ['weight', 'loraA', 'loraB'].map(name => [name, to(layer[name as 'weight'].detach(), { dtype: 'float64' })]),
        )
        const expected = value(denseGram({ ...layer, ...wide }))
        assert.ok(Math.abs(value(orthogonality([layer])) - expected) < 2e-6 * expected)
        const narrow = { ...layer, weight: to(layer.weight, { dtype: 'bfloat16' }) }
        assert.equal(orthogonality([narrow]).dtype, 'float32')
        assert.ok(Math.abs(value(orthogonality([narrow])) - expected) < 2e-2 * expected)
        forgetConstants(narrow.weight)
      })
    })

    it(`axis ${magnitudeAxis}: does not change with the length of the lines`, () =>
      withLayer({}, layer => {
        const scaled = { ...layer, weight: mul(layer.weight, 7), loraB: mul(layer.loraB, 7) }
        assert.ok(Math.abs(value(orthogonality([layer])) - value(orthogonality([scaled]))) < 1e-12)
        forgetConstants(scaled.weight)
      }))
  }

  it('is zero with zero gradients where the sum is orthogonal though its parts are not', () =>
    scope(() => {
      // weight + loraB loraA = diag(2, 3), with rounding in every term of the low-rank form
      const leaf = (values: number[][]) => tensor(values, { dtype: 'float64', requiresGrad: true })
      const [loraA, loraB] = [leaf([[0.3, 0.7]]), leaf([[1.1], [-0.9]])]
      const product = [1.1, -0.9].map(b => [0.3, 0.7].map(a => b * a))
      const weight = tensor(
        [
          [2 - product[0]![0]!, -product[0]![1]!],
          [-product[1]![0]!, 3 - product[1]![1]!],
        ],
        { dtype: 'float64' },
      )
      for (const magnitudeAxis of ['out', 'in'] as const) {
        const layer = { weight, loraA, loraB, scaling: 1, magnitudeAxis }
        assert.equal(value(orthogonality([layer])), 0)
        const first = grad(orthogonality([layer]), [loraA, loraB], { createGraph: true })
        const second = grad(
          first.map(gradient => gradient.sum()).reduce((a, b) => a.add(b)),
          [loraA, loraB],
        )
        for (const gradient of [...first, ...second])
          assert.ok((gradient.reshape([-1]).tolist() as number[]).every(entry => entry === 0))
      }
      forgetConstants(weight)
    }))

  it('is the mean over layers', () =>
    scope(() => {
      const layers = [randomLayer({ magnitudeAxis: 'in' }), randomLayer({ magnitudeAxis: 'out', out: 9, width: 4 })]
      const each = layers.map(layer => value(orthogonality([layer])))
      assert.ok(Math.abs(value(orthogonality(layers)) - (each[0]! + each[1]!) / 2) < 1e-14)
      for (const layer of layers) forgetConstants(layer.weight)
    }))

  it('refuses no layer at all, and shapes that do not fit', () =>
    scope(() => {
      assert.throws(() => orthogonality([]), ArgumentError)
      const layer = randomLayer({ magnitudeAxis: 'in' })
      assert.throws(() => orthogonality([{ ...layer, loraA: layer.loraB }]), /orthogonality: expected loraA of shape/)
    }))
})
