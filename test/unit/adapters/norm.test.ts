import assert from 'node:assert/strict'
import { type BidoraLayer, directionNorm, forgetConstants, type MagnitudeAxis } from '../../../lib/adapters/index.ts'
import { grad, noGrad } from '../../../lib/autograd/index.ts'
import { add_, matmul, mul, mul_, select, sum, to, zero_ } from '../../../lib/ops/index.ts'
import { manualSeed, memoryStats, scope, type Tensor, tensor } from '../../../lib/tensor/index.ts'
import { dense, randomLayer } from './layers.ts'

const numbers = (value: Tensor) => value.tolist() as number[]
const axes: MagnitudeAxis[] = ['out', 'in']

function assertNear(got: number[], expected: number[], tolerance: number): void {
  assert.equal(got.length, expected.length)
  expected.forEach((value, i) =>
    assert.ok(
      Math.abs(got[i]! - value) <= tolerance * Math.max(1, Math.abs(value)),
      `[${i}]: ${got[i]} instead of ${value}`,
    ),
  )
}

function withLayer(layer: BidoraLayer, check: (layer: BidoraLayer) => void): void {
  try {
    check(layer)
  } finally {
    forgetConstants(layer.weight)
  }
}

describe('directionNorm', () => {
  beforeEach(() => manualSeed(1))

  for (const magnitudeAxis of axes) {
    it(`axis ${magnitudeAxis}: is the norm of the sum, per ${magnitudeAxis}put`, () =>
      scope(() => {
        for (const [out, width, rank] of [
          [5, 7, 2],
          [64, 31, 8],
          [3, 200, 1],
        ] as const) {
          withLayer(randomLayer({ out, width, rank, magnitudeAxis }), layer =>
            assertNear(numbers(directionNorm(layer)), numbers(dense(layer).norms), 1e-12),
          )
        }
      }))

    it(`axis ${magnitudeAxis}: in float32, and for 16-bit weights, gives float32`, () =>
      scope(() => {
        for (const [dtype, tolerance] of [
          ['float32', 1e-5],
          ['bfloat16', 2e-2],
          ['float16', 2e-3],
        ] as const) {
          withLayer(randomLayer({ out: 24, width: 40, magnitudeAxis, dtype, scaling: 0.1 }), layer => {
            const norm = directionNorm(layer)
            assert.equal(norm.dtype, 'float32')
            const wide = (value: Tensor) => to(value.detach(), { dtype: 'float64' })
            assertNear(
              numbers(norm),
              numbers(
                dense({ ...layer, weight: wide(layer.weight), loraA: wide(layer.loraA), loraB: wide(layer.loraB) })
                  .norms,
              ),
              tolerance,
            )
          })
        }
      }))

    it(`axis ${magnitudeAxis}: float32 factors on a bfloat16 weight; a norm that float16 cannot hold`, () =>
      scope(() => {
        const layer = randomLayer({ out: 8, width: 16, magnitudeAxis, dtype: 'float32' })
        withLayer({ ...layer, weight: to(layer.weight, { dtype: 'bfloat16' }) }, mixed =>
          assertNear(numbers(directionNorm(mixed)), numbers(dense(layer).norms), 5e-2),
        )
        const large = { ...layer, weight: to(mul(layer.weight, 1e4), { dtype: 'float16' }) }
        withLayer(large, mixed => assert.ok(numbers(directionNorm(mixed)).every(Number.isFinite)))
      }))

    it(`axis ${magnitudeAxis}: a line that cancels but for rounding is zero, with zero gradients of both orders`, () =>
      scope(() => {
        for (const dtype of ['float64', 'float32'] as const) {
          const layer = randomLayer({ out: 6, width: 9, rank: 3, magnitudeAxis, dtype, scaling: 0.7 })
          const zeroed = noGrad(() => {
            const product = mul(matmul(layer.loraB, layer.loraA), -0.7)
            const [line, dim] = magnitudeAxis === 'out' ? [2, 0] : [4, 1]
            const target = select(layer.weight, dim, line)
            add_(zero_(target), select(product, dim, line))
            return line
          })
          withLayer(layer, () => {
            const norm = directionNorm(layer)
            assert.equal(numbers(norm)[zeroed], 0)
            assert.ok(numbers(norm).every((value, i) => i === zeroed || value > 0))
            const first = grad(select(norm, 0, zeroed), [layer.loraA, layer.loraB], { createGraph: true })
            for (const gradient of first) assert.ok(numbers(gradient.reshape([-1])).every(value => value === 0))
            const second = grad(sum(mul(directionNorm(layer), directionNorm(layer))), [layer.loraA], {
              createGraph: true,
            })
            const third = grad(sum(second[0]!), [layer.loraA, layer.loraB])
            for (const gradient of third) assert.ok(numbers(gradient.reshape([-1])).every(Number.isFinite))
          })
        }
      }))
  }

  it('never hides what is no number', () =>
    scope(() => {
      const layer = randomLayer({ magnitudeAxis: 'out' })
      noGrad(() => mul_(layer.loraB, Number.NaN))
      withLayer(layer, () => assert.ok(numbers(directionNorm(layer)).every(Number.isNaN)))
    }))

  describe('constants of the frozen weight', () => {
    it('are computed once and kept beyond the scope', () => {
      const layer = scope(() => randomLayer({ magnitudeAxis: 'out' }))
      withLayer(layer, () => {
        scope(() => void directionNorm(layer))
        const live = memoryStats().liveTensors
        for (let i = 0; i < 10; i++) scope(() => void directionNorm(layer))
        assert.equal(memoryStats().liveTensors, live)
      })
      for (const value of Object.values(layer)) if (typeof value === 'object') value.dispose()
    })

    it('are computed again after the weight was changed in place', () =>
      scope(() =>
        withLayer(randomLayer({ magnitudeAxis: 'in' }), layer => {
          directionNorm(layer)
          mul_(layer.weight, 3)
          assertNear(numbers(directionNorm(layer)), numbers(dense(layer).norms), 1e-12)
        }),
      ))

    it('are freed by forgetConstants', () =>
      scope(() => {
        const layer = randomLayer({ magnitudeAxis: 'in' })
        const live = memoryStats().liveTensors
        scope(() => void directionNorm(layer))
        assert.ok(memoryStats().liveTensors > live)
        forgetConstants(layer.weight)
        assert.equal(memoryStats().liveTensors, live)
      }))

    it('are none where the weight is trained', () =>
      scope(() => {
        const layer = randomLayer({ magnitudeAxis: 'out' })
        layer.weight.requiresGrad = true
        const live = memoryStats().liveTensors
        scope(() => void directionNorm(layer))
        assert.equal(memoryStats().liveTensors, live)
        assert.deepEqual(grad(sum(directionNorm(layer)), [layer.weight])[0]!.shape, [5, 7])
      }))
  })

  it('is a zero of the weight that the factors fill', () =>
    scope(() => {
      const layer = randomLayer({ out: 2, width: 3, rank: 1, magnitudeAxis: 'out', scaling: 1 })
      const tiny = {
        ...layer,
        weight: tensor(
          [
            [0, 0, 0],
            [1, 0, 0],
          ],
          { dtype: 'float64' },
        ),
        loraA: tensor([[3, 0, 4]], { dtype: 'float64' }),
        loraB: tensor([[1e-9], [0]], { dtype: 'float64' }),
      }
      withLayer(tiny, () =>
        assertNear(
          numbers(directionNorm(tiny)).map(value => value * 1e9),
          [5, 1e9],
          1e-12,
        ),
      )
    }))
})
