import assert from 'node:assert/strict'
import {
  autocast,
  checkpoint,
  constantOf,
  forgetConstants,
  grad,
  jvp,
  narrowFrozenProducts,
  noGrad,
} from '../../../lib/autograd/index.ts'
import { canPack, frozenLinear, packedWeight } from '../../../lib/nn/index.ts'
import { abs, add, addmm, fill_, linear, matmul, mul, randn, square, sub, sum, t, to } from '../../../lib/ops/index.ts'
import { loraLinear } from '../../../lib/adapters/index.ts'
import { addon, manualSeed, memoryStats, scope, type Tensor, tensor } from '../../../lib/tensor/index.ts'

const largest = (x: Tensor) => abs(x).max().item() as number
const near = (got: Tensor, expected: Tensor, what: string, tolerance = 2e-6) => {
  assert.deepEqual(got.shape, expected.shape, what)
  const error = largest(sub(got, expected)) / Math.max(1, largest(expected))
  assert.ok(error <= tolerance, `${what}: differs by ${error}`)
}
const trained = (x: Tensor) => {
  x.requiresGrad = true
  return x
}

/** Rows, in, out: not square, around the sizes of blocks and panels, and deeper than one piece. */
const sizes = [
  [1, 5, 3],
  [7, 64, 65],
  [17, 130, 63],
  [129, 384, 128],
  [200, 2100, 70],
  [33, 70, 2100],
] as const

/** A frozen weight with its bias, an input that trains, and a cotangent of the product. */
function operands([rows, width, out]: readonly [number, number, number], seed: number) {
  manualSeed(seed)
  const [weight, bias, x, along] = [
    randn([out, width]),
    randn([out]),
    trained(randn([rows, width])),
    randn([rows, out]),
  ]
  assert.ok(packedWeight(x, weight, bias), 'the packed way is taken')
  return { weight, bias, x, along }
}

/** Skips where another way is taken on this machine. */
function needsPacking(this: Mocha.Context): void {
  if (!scope(() => canPack(tensor([[1]])))) this.skip()
}

describe('nn/frozenLinear', () => {
  before(needsPacking)

  for (const [rows, width, out] of sizes) {
    it(`${rows} rows, ${width} to ${out}: equals linear, with gradients of first and second order`, () => {
      scope(() => {
        const { weight, bias, x, along } = operands([rows, width, out], 1)
        along.requiresGrad = true
        for (const given of [bias, null]) {
          const reference = given ? linear(x, weight, given) : linear(x, weight)
          const y = frozenLinear(x, weight, given)
          near(y, reference, 'value')
          // The product with `along` makes the gradient depend on it, so that it has a derivative itself.
          const [first] = grad(y, [x], { gradOutputs: [along], createGraph: true })
          near(first!, matmul(along, weight), 'gradient')
          const [second] = grad(sum(square(first!)), [along])
          near(second!, mul(linear(matmul(along, weight), weight), 2), 'second derivative', 1e-5)
        }
        forgetConstants(weight)
      })
    })
  }

  it('takes inputs of any number of dimensions, and rows that do not lie together', () => {
    scope(() => {
      const weight = randn([6, 5])
      const x = randn([3, 2, 5])
      near(frozenLinear(x, weight), linear(x, weight), '3 dimensions')
      const turned = t(randn([5, 4]))
      near(frozenLinear(turned, weight), linear(turned, weight), 'turned')
      assert.deepEqual(frozenLinear(randn([0, 5]), weight).shape, [0, 6])
      forgetConstants(weight)
    })
  })

  it('follows a weight that is changed in place, and refuses the backward of an older one', () => {
    scope(() => {
      const weight = randn([4, 3])
      const x = trained(randn([2, 3]))
      const y = frozenLinear(x, weight)
      noGrad(() => fill_(weight, 2))
      near(frozenLinear(x, weight), linear(x, weight), 'after the change')
      assert.throws(() => grad(sum(y), [x]), /modified by an inplace operation/)
      forgetConstants(weight)
    })
  })

  it('keeps one copy of a weight, which goes with it, and none without gradients', () => {
    scope(() => {
      const weight = randn([64, 64])
      const x = randn([2, 64])
      const { liveBytes } = memoryStats()
      scope(() => void noGrad(() => frozenLinear(x, weight)))
      assert.equal(memoryStats().liveBytes, liveBytes)
      scope(() => void frozenLinear(x, weight))
      scope(() => void frozenLinear(x, weight))
      assert.equal(memoryStats().liveBytes, liveBytes + 64 * 64 * 4)
      forgetConstants(weight)
      assert.equal(memoryStats().liveBytes, liveBytes)
    })
  })

  it('leaves to libtorch what it does not do: training weights, float64, autocast, forward mode', () => {
    scope(() => {
      const weight = randn([4, 3])
      const x = randn([2, 3])
      assert.equal(packedWeight(randn([2, 3], { dtype: 'float64' }), randn([4, 3], { dtype: 'float64' })), undefined)
      assert.equal(packedWeight(x, trained(randn([4, 3]))), undefined)
      assert.equal(packedWeight(x, weight, trained(randn([4]))), undefined)
      autocast('bfloat16', () => assert.equal(frozenLinear(x, weight).dtype, 'bfloat16'))
      const { tangents } = jvp(() => frozenLinear(x, weight), [x], [randn([2, 3])])
      assert.ok(largest(tangents[0]!) > 0)
      assert.equal(constantOf(weight, 'test', () => tensor([1])).numel, 1)
      forgetConstants(weight)
    })
  })
})

describe('nn/frozenLinear in bfloat16', () => {
  before(needsPacking)

  const narrow = (x: Tensor) => to(to(x, { dtype: 'bfloat16' }), { dtype: 'float64' })

  for (const [rows, width, out] of sizes) {
    it(`${rows} rows, ${width} to ${out}: the product of rounded operands, rounded once, and its gradient`, () => {
      scope(() => {
        const { weight, bias, x, along } = operands([rows, width, out], 4)
        const y = narrowFrozenProducts(() => frozenLinear(x, weight, bias))
        assert.equal(y.dtype, 'float32')
        const product = matmul(narrow(x.detach()), t(narrow(weight)))
        near(to(y, { dtype: 'float64' }), add(product, bias), 'value', 2 ** -8)
        assert.ok(largest(sub(y, linear(x, weight, bias))) > 0, 'is in bfloat16')
        const [byX] = grad(y, [x], { gradOutputs: [along] })
        near(to(byX!, { dtype: 'float64' }), matmul(narrow(along), narrow(weight)), 'gradient', 2 ** -8)
        forgetConstants(weight)
      })
    })
  }

  it('keeps all digits inside autocast(undefined), and the same products in a checkpoint', () => {
    scope(() => {
      manualSeed(5)
      const weight = randn([64, 64])
      const x = trained(randn([5, 64]))
      const run = () => frozenLinear(x, weight)
      const [wide, narrowed] = [run().tolist(), narrowFrozenProducts(run).tolist()]
      assert.notDeepEqual(wide, narrowed)
      assert.deepEqual(autocast(undefined, () => narrowFrozenProducts(run)).tolist(), wide)
      assert.deepEqual(narrowFrozenProducts(() => autocast(undefined, run)).tolist(), wide)
      const squares = (y: Tensor) => grad(sum(square(y)), [x])[0]!.tolist()
      const kept = squares(narrowFrozenProducts(run))
      const y = narrowFrozenProducts(() => checkpoint(z => frozenLinear(z, weight), [x]))
      assert.deepEqual(y.tolist(), narrowed)
      assert.deepEqual(squares(y), kept)
      assert.throws(() => narrowFrozenProducts(() => Promise.resolve(1)), /synchronous/)
      forgetConstants(weight)
    })
  })
})

describe('adapters/loraLinear with a packed weight', () => {
  before(needsPacking)

  const rank = 3
  for (const [rows, width, out] of sizes) {
    for (const dropped of [false, true]) {
      it(`${rows} rows, ${width} to ${out}${dropped ? ', with dropout' : ''}: value and gradients of the plain products`, () => {
        scope(() => {
          const { weight, bias, x, along } = operands([rows, width, out], 2)
          const loraA = trained(randn([rank, width]))
          const loraB = trained(randn([out, rank]))
          const mask = randn([rows, width])
          const layer = { weight, bias, loraA, loraB, scaling: 1.5 }
          const y = loraLinear(x, layer, dropped ? { dropout: z => mul(z, mask) } : {})
          const z = dropped ? mul(x, mask) : x
          const plain = addmm(linear(x, weight, bias), linear(z, loraA), t(loraB), { alpha: 1.5 })
          near(y, plain, 'value')
          assert.match(String(addon().gradientNode(y)), /LoraNode/)
          const got = grad(y, [x, loraA, loraB], { gradOutputs: [along] })
          const expected = grad(plain, [x, loraA, loraB], { gradOutputs: [along] })
          for (const [i, name] of ['x', 'loraA', 'loraB'].entries()) near(got[i]!, expected[i]!, name, 3e-6)
          forgetConstants(weight)
        })
      })
    }
  }

  it('has the second derivatives of the plain products, and gives only what is asked for', () => {
    scope(() => {
      manualSeed(3)
      const weight = randn([5, 4])
      const x = trained(randn([6, 4]))
      const loraA = trained(randn([2, 4]))
      const loraB = trained(randn([5, 2]))
      const layer = { weight, loraA, loraB, scaling: 0.5 }
      const plain = () => addmm(linear(x, weight), linear(x, loraA), t(loraB), { alpha: 0.5 })
      const inputs = [x, loraA, loraB]
      const twice = (y: Tensor) => {
        const first = grad(sum(square(y)), inputs, { createGraph: true })
        return grad(
          first.map(g => sum(square(g!))).reduce((a, b) => a.add(b)),
          inputs,
        )
      }
      const [got, expected] = [twice(loraLinear(x, layer)), twice(plain())]
      for (const i of [0, 1, 2]) near(got[i]!, expected[i]!, `second derivative by input ${i}`, 1e-5)
      const [only] = grad(sum(loraLinear(x, layer)), [loraA])
      near(only!, grad(sum(plain()), [loraA])[0]!, 'loraA alone')
      forgetConstants(weight)
    })
  })
})
