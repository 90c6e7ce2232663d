import assert from 'node:assert/strict'
import { autocast, grad } from '../../../lib/autograd/index.ts'
import { Attention, Conv1D, Linear } from '../../../lib/nn/index.ts'
import {
  contiguous,
  cat,
  matmul,
  mul,
  narrow,
  randn,
  softmax,
  square,
  sub,
  sum,
  t,
  to,
  transpose,
  view,
} from '../../../lib/ops/index.ts'
import { manualSeed, scope, type Tensor } from '../../../lib/tensor/index.ts'

const largest = (x: Tensor) => Number(to(x, { dtype: 'float64' }).abs().max().item())
const leaf = (x: Tensor) => {
  x.requiresGrad = true
  return x
}

describe('nn/attention, causal', () => {
  for (const kernel of ['fused', 'explicit'] as const) {
    it(`gives each token what it gets at the end of a shorter text, ${kernel}`, () => {
      scope(() => {
        manualSeed(1)
        const [q, k, v] = [0, 1, 2].map(() => leaf(randn([2, 5, 6], { dtype: 'float64' }))) as [Tensor, Tensor, Tensor]
        const attention = new Attention(3, { scale: 0.3 })
        attention.kernel = kernel
        const plain = new Attention(3, { scale: 0.3 })
        const upTo = (x: Tensor, length: number) => narrow(x, 1, 0, length)
        const expected = cat(
          [1, 2, 3, 4, 5].map(n => plain.forward(narrow(q, 1, n - 1, 1), upTo(k, n), upTo(v, n))),
          { dim: 1 },
        )
        const whole = attention.forward(q, k, v, { causal: true })
        assert.ok(largest(sub(whole, expected)) < 1e-12)
        const [a, b] = [whole, expected].map(y => grad(sum(square(y)), [q, k, v])) as [Tensor[], Tensor[]]
        a.forEach((gradient, i) => assert.ok(largest(sub(gradient, b[i]!)) < 1e-11))
        // Fewer queries than keys are the last ones.
        const last = attention.forward(narrow(q, 1, 2, 3), k, v, { causal: true })
        assert.ok(largest(sub(last, narrow(expected, 1, 2, 3))) < 1e-12)
      })
    })
  }

  it('computes scores of narrow types in float32 where it is told to, under autocast too', () => {
    scope(() => {
      manualSeed(2)
      const [q, k, v] = [0, 1, 2].map(() => to(mul(randn([1, 7, 16]), 3), { dtype: 'bfloat16' })) as [
        Tensor,
        Tensor,
        Tensor,
      ]
      const heads = (x: Tensor) => transpose(view(x, [1, 7, 2, 8]), 1, 2)
      const wide = (x: Tensor) => to(x, { dtype: 'float32' })
      const weights = softmax(matmul(mul(wide(heads(q)), 1 / Math.sqrt(8)), transpose(wide(heads(k)), 2, 3)), -1)
      const exact = matmul(to(weights, { dtype: 'bfloat16' }), heads(v))
      const expected = view(contiguous(transpose(exact, 1, 2)), [1, 7, 16])
      const upcast = new Attention(2, { upcast: true })
      for (const got of [upcast.forward(q, k, v), autocast('bfloat16', () => upcast.forward(q, k, v))]) {
        assert.deepEqual(got.tolist(), expected.tolist())
      }
      // The first token sees itself alone.
      const first = (x: Tensor) => (x.tolist() as number[][][])[0]![0]
      assert.deepEqual(first(upcast.forward(q, k, v, { causal: true })), first(v))
      const explicit = new Attention(2)
      explicit.kernel = 'explicit'
      assert.notDeepEqual(explicit.forward(q, k, v).tolist(), expected.tolist())
    })
  })
})

describe('nn/conv1d', () => {
  it('is a linear layer with its weight the other way round', () => {
    scope(() => {
      manualSeed(3)
      const conv = new Conv1D(4, 6, { dtype: 'float64' })
      const linear = new Linear(4, 6, { dtype: 'float64' })
      linear.setTensor('weight', contiguous(t(conv.weight.detach())))
      linear.setTensor('bias', randn([6], { dtype: 'float64' }))
      conv.setTensor('bias', linear.bias!.detach().clone())
      assert.deepEqual([conv.inFeatures, conv.outFeatures, conv.describe()], [4, 6, '4, 6'])
      for (const shape of [[3, 4], [2, 3, 4], [4]]) {
        const x = randn(shape, { dtype: 'float64' })
        assert.deepEqual(conv.forward(x).shape, [...shape.slice(0, -1), 6])
        assert.ok(largest(sub(conv.forward(x), linear.forward(x))) < 1e-14)
      }
    })
  })
})
