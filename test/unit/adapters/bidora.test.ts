import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  type BidoraLayer,
  bidoraLinear,
  directionNorm,
  doraLinear,
  forgetConstants,
  loraLinear,
  type MagnitudeAxis,
  mergedWeight,
} from '../../../lib/adapters/index.ts'
import { grad, noGrad } from '../../../lib/autograd/index.ts'
import { ShapeError } from '../../../lib/errors.ts'
import {
  abs,
  add,
  div,
  linear,
  matmul,
  mul,
  randn,
  select,
  square,
  sub,
  sum,
  to,
  unsqueeze,
  zero_,
  zerosLike,
} from '../../../lib/ops/index.ts'
import { manualSeed, scope, type Tensor, tensor } from '../../../lib/tensor/index.ts'
import { dense, randomLayer } from './layers.ts'

const axes: MagnitudeAxis[] = ['out', 'in']

function assertSame(got: Tensor, expected: Tensor, tolerance: number): void {
  assert.deepEqual(got.shape, expected.shape)
  if (got.numel === 0) return
  const difference = scope(() => abs(sub(got, expected)).max().item() as number)
  assert.ok(difference <= tolerance, `largest difference ${difference}`)
}

const isZero = (value: Tensor): boolean => (value.reshape([-1]).tolist() as number[]).every(entry => entry === 0)

describe('bidoraLinear', () => {
  beforeEach(() => manualSeed(1))

  for (const magnitudeAxis of axes) {
    describe(`axis ${magnitudeAxis}`, () => {
      const withLayer = (
        options: Partial<Parameters<typeof randomLayer>[0]>,
        check: (layer: BidoraLayer & { bias: Tensor }) => void,
      ) =>
        scope(() => {
          const layer = randomLayer({ ...options, magnitudeAxis })
          try {
            check(layer)
          } finally {
            forgetConstants(layer.weight)
          }
        })
      const dim = magnitudeAxis === 'out' ? 1 : 0

      it('is the linear layer of its merged weight, which is the dense formula', () =>
        withLayer({}, layer => {
          const merged = mul(dense(layer).direction, unsqueeze(layer.magnitude, dim))
          assertSame(mergedWeight(layer), merged, 1e-12)
          for (const shape of [[7], [3, 7], [2, 3, 7], [0, 7]]) {
            const x = randn(shape, { dtype: 'float64' })
            assertSame(bidoraLinear(x, layer), linear(x, merged, layer.bias), 1e-11)
            const { bias: _, ...bare } = layer
            assertSame(bidoraLinear(x, bare), linear(x, merged), 1e-11)
          }
        }))

      for (const dtype of ['float32', 'float64'] as const) {
        it(`starts as the pretrained layer, to the bit (${dtype})`, () =>
          withLayer({ out: 33, width: 50, rank: 4, dtype }, layer => {
            const fresh = { ...layer, loraB: zerosLike(layer.loraB) }
            const start = { ...fresh, magnitude: directionNorm(fresh) }
            const x = randn([6, 50], { dtype })
            // One multiplication by exactly 1 and an addition of exact zeros.
            assertSame(
              bidoraLinear(x, start),
              magnitudeAxis === 'in' ? linear(x, layer.weight, layer.bias) : add(linear(x, layer.weight), layer.bias),
              0,
            )
            assertSame(mergedWeight(start), layer.weight, 0)
          }))
      }

      for (const dtype of ['bfloat16', 'float16'] as const) {
        it(`in ${dtype} with float32 adapters stays near the float64 layer`, () =>
          withLayer({ out: 24, width: 40, dtype: 'float32', scaling: 0.2 }, layer => {
            const narrow = { ...layer, weight: to(layer.weight, { dtype }), bias: to(layer.bias, { dtype }) }
            const x = to(randn([5, 40]), { dtype })
            const y = bidoraLinear(x, narrow)
            assert.equal(y.dtype, dtype)
            assert.equal(mergedWeight(narrow).dtype, dtype)
            const wide = {
              ...layer,
              weight: to(narrow.weight, { dtype: 'float64' }),
              bias: to(narrow.bias, { dtype: 'float64' }),
              loraA: to(layer.loraA, { dtype: 'float64' }),
              loraB: to(layer.loraB, { dtype: 'float64' }),
              magnitude: to(layer.magnitude, { dtype: 'float64' }),
            }
            const expected = bidoraLinear(to(x, { dtype: 'float64' }), wide)
            const scale = abs(expected).max().item() as number
            assertSame(to(y, { dtype: 'float64' }), expected, scale * (dtype === 'bfloat16' ? 2e-2 : 3e-3))
            for (const gradient of grad(sum(y), [layer.loraA, layer.loraB, layer.magnitude]))
              assert.equal(gradient.dtype, 'float32')
            forgetConstants(narrow.weight)
            forgetConstants(wide.weight)
          }))
      }

      it('has the gradients of the closed form', () => {
        for (const detachNorm of [false, true]) {
          withLayer({ detachNorm, out: 6, width: 4 }, layer => {
            const x = randn([9, 4], { dtype: 'float64' })
            const cotangent = randn([9, 6], { dtype: 'float64' })
            const [dA, dB, dm] = grad(sum(mul(bidoraLinear(x, layer), cotangent)), [
              layer.loraA,
              layer.loraB,
              layer.magnitude,
            ])
            noGrad(() => {
              const { V, norms, direction } = dense(layer)
              const G = matmul(cotangent.transpose(0, 1), x) // dL/dW' [out, in]
              const along = sum(mul(G, direction), { dim: [dim], keepdim: true }) // <G, D> of every line
              const ratio = unsqueeze(div(layer.magnitude, norms), dim)
              const dV = mul(ratio, detachNorm ? G : sub(G, mul(direction, along)))
              assertSame(dm!, along.reshape([-1]), 1e-10)
              assertSame(dB!, mul(matmul(dV, layer.loraA.transpose(0, 1)), layer.scaling), 1e-10)
              assertSame(dA!, mul(matmul(layer.loraB.transpose(0, 1), dV), layer.scaling), 1e-10)
              const inner = sum(mul(dV, V), { dim: [dim] })
              if (!detachNorm) assertSame(inner, zerosLike(inner), 1e-10) // moving along V changes nothing
            })
          })
        }
      })

      it('gives loraA no gradient where loraB is zero', () =>
        withLayer({}, layer => {
          const fresh = { ...layer, loraB: tensor(new Float64Array(10), { shape: [5, 2], requiresGrad: true }) }
          const [dA, dB] = grad(sum(square(bidoraLinear(randn([3, 7], { dtype: 'float64' }), fresh))), [
            fresh.loraA,
            fresh.loraB,
          ])
          assert.ok(isZero(dA!))
          assert.ok(!isZero(dB!))
        }))

      it('is the same forward with the norm detached; only the gradient differs', () =>
        withLayer({}, layer => {
          const x = randn([3, 7], { dtype: 'float64' })
          const loss = (detachNorm: boolean) => sum(square(bidoraLinear(x, { ...layer, detachNorm })))
          assert.equal(loss(true).item(), loss(false).item())
          const [kept] = grad(loss(false), [layer.loraA])
          const [held] = grad(loss(true), [layer.loraA])
          assert.ok((abs(sub(kept!, held!)).max().item() as number) > 1e-3)
        }))

      it('has a zero line where the weight has one, without NaN anywhere', () =>
        withLayer({ detachNorm: false }, layer => {
          noGrad(() => {
            zero_(select(layer.weight, 1 - dim, 1))
            zero_(magnitudeAxis === 'out' ? select(layer.loraB, 0, 1) : select(layer.loraA, 1, 1))
          })
          const merged = mergedWeight(layer)
          assert.ok(isZero(select(merged, 1 - dim, 1)))
          const inputs = [layer.loraA, layer.loraB, layer.magnitude]
          const first = grad(sum(square(bidoraLinear(randn([3, 7], { dtype: 'float64' }), layer))), inputs, {
            createGraph: true,
          })
          const second = grad(
            first.map(gradient => sum(square(gradient))).reduce((a, b) => add(a, b)),
            inputs,
          )
          assert.equal((first[2]!.tolist() as number[])[1], 0)
          for (const gradient of [...first, ...second])
            assert.ok((gradient.reshape([-1]).tolist() as number[]).every(Number.isFinite))
        }))
    })
  }

  it('drops the input of the low-rank path alone', () =>
    scope(() => {
      const layer = randomLayer({ magnitudeAxis: 'out' })
      const x = randn([3, 7], { dtype: 'float64' })
      const dropped = loraLinear(x, layer, { dropout: input => mul(input, 0) })
      assertSame(dropped, linear(x, layer.weight, layer.bias), 1e-12)
      const half = bidoraLinear(x, layer, { dropout: input => mul(input, 0.5) })
      const expected = mul(
        add(
          linear(x, layer.weight),
          mul(matmul(matmul(x, layer.loraA.transpose(0, 1)), layer.loraB.transpose(0, 1)), 0.5 * layer.scaling),
        ),
        div(layer.magnitude, directionNorm(layer)),
      )
      assertSame(half, add(expected, layer.bias), 1e-12)
      forgetConstants(layer.weight)
    }))

  it('doraLinear is axis out with the norm held', () =>
    scope(() => {
      const layer = randomLayer({ magnitudeAxis: 'out' })
      const x = randn([3, 7], { dtype: 'float64' })
      const [dora] = grad(sum(square(doraLinear(x, layer))), [layer.loraA])
      const [same] = grad(sum(square(bidoraLinear(x, { ...layer, detachNorm: true }))), [layer.loraA])
      assertSame(dora!, same!, 0)
      forgetConstants(layer.weight)
    }))

  it('refuses tensors that do not fit, and says what would', () =>
    scope(() => {
      const layer = randomLayer({ magnitudeAxis: 'out' })
      const x = randn([3, 7], { dtype: 'float64' })
      const wrong: [Partial<BidoraLayer>, RegExp][] = [
        [{ loraA: randn([7, 2]) }, /loraA of shape \[rank, 7\], got \[7, 2\]/],
        [{ loraB: randn([2, 5]) }, /loraB of shape \[5, 2\], got \[2, 5\]/],
        [{ weight: randn([7, 5]) }, /loraA of shape/],
        [{ weight: randn([7]) }, /weight of shape \[out, in\]/],
        [{ magnitude: randn([7]) }, /magnitude of shape \[5\] for magnitudeAxis 'out', got \[7\]/],
        [{ magnitudeAxis: 'in' }, /magnitude of shape \[7\] for magnitudeAxis 'in', got \[5\]/],
        [{ magnitude: randn([5, 1]) }, /magnitude of shape \[5\]/],
      ]
      for (const [change, expected] of wrong) {
        for (const run of [
          () => bidoraLinear(x, { ...layer, ...change }),
          () => mergedWeight({ ...layer, ...change }),
        ]) {
          assert.throws(run, (error: Error) => error instanceof ShapeError && expected.test(error.message))
        }
      }
      assert.throws(
        () => bidoraLinear(randn([3, 5], { dtype: 'float64' }), layer),
        /x of shape \[..., 7\], got \[3, 5\]/,
      )
      forgetConstants(layer.weight)
    }))

  it('makes no tensor of the size of the weight, forward or backward', function () {
    this.timeout(60_000)
    // The peak of resident memory never falls, so a fresh process is asked. The merged weight shows that it would be seen.
    const measured = JSON.parse(
      execFileSync(process.execPath, [new URL('./peak-memory.js', import.meta.url).pathname], { encoding: 'utf8' }),
    ) as Record<string, number>
    const weight = measured.weightBytes!
    for (const kind of ['out', 'in', 'detached', 'orthogonality'])
      assert.ok(
        measured[kind]! < weight / 4,
        `${kind}: the peak rose by ${measured[kind]} bytes, the weight has ${weight}`,
      )
    assert.ok(measured.merged! > weight * 0.9, `merged: the peak rose by ${measured.merged} bytes only`)
  })
})
