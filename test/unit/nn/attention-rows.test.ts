import assert from 'node:assert/strict'
import { loraLinear } from '../../../lib/adapters/index.ts'
import { forgetConstants, grad, jvp, noGrad } from '../../../lib/autograd/index.ts'
import { Attention, type AttentionContext, dropout, frozenLinear } from '../../../lib/nn/index.ts'
import { abs, add, indexSelect, randn, square, sub, sum } from '../../../lib/ops/index.ts'
import {
  addon,
  getNumThreads,
  getRngState,
  manualSeed,
  scope,
  setNumThreads,
  setRngState,
  type Tensor,
  tensor,
} from '../../../lib/tensor/index.ts'

// Attention in rows without padding by the kernel of native/attention.cc, against the explicit way of libtorch's operators.

const largest = (x: Tensor) => abs(x).max().item() as number

/** The context of texts of these lengths, one after the other. */
function contextOf(lengths: readonly number[]): AttentionContext {
  const longest = Math.max(...lengths)
  const first = lengths.map((_, text) => lengths.slice(0, text).reduce((a, b) => a + b, 0))
  const mask = lengths.map(length => Array.from({ length: longest }, (_, i) => (i < length ? 1 : 0)))
  const rowOf = lengths.flatMap((length, text) =>
    Array.from({ length: longest }, (_, i) => (i < length ? first[text]! + i : 0)),
  )
  const placeOf = lengths.flatMap((length, text) => Array.from({ length }, (_, i) => text * longest + i))
  const long = (values: number[]) => tensor(values, { dtype: 'int64' })
  const kept = tensor(mask, { dtype: 'float32' })
  return {
    bias: kept.sub(1).mul(1e9).view([lengths.length, 1, 1, longest]),
    rows: { lengths, first: long(first), mask: kept, rowOf: long(rowOf), placeOf: long(placeOf) },
  }
}

const cases = [
  { name: 'short texts of several lengths', lengths: [3, 1, 7, 8, 9], heads: 3, hidden: 24 },
  { name: 'one text of one token', lengths: [1], heads: 1, hidden: 8 },
  { name: 'long texts', lengths: [130, 65, 33], heads: 2, hidden: 64 },
  { name: 'wide heads', lengths: [5, 17], heads: 1, hidden: 72 },
]

describe('nn/attention in rows', () => {
  before(function () {
    if (!scope(() => addon().canAttend(randn([1, 8]), 1))) this.skip() // another way is taken on this machine
  })

  for (const { name, lengths, heads, hidden } of cases) {
    for (const p of [0, 0.3]) {
      for (const ofFirst of [false, true]) {
        const what = `${name}${p > 0 ? ', dropout on' : ''}${ofFirst ? ', first tokens alone' : ''}`
        it(`gives the values and gradients of the explicit way: ${what}`, () => {
          scope(() => {
            manualSeed(5)
            const rows = lengths.reduce((a, b) => a + b, 0)
            const context = contextOf(lengths)
            const [all, key, value] = [0, 1, 2].map(() => randn([rows, hidden])) as [Tensor, Tensor, Tensor]
            const query = ofFirst ? indexSelect(all, 0, context.rows!.first) : all.mul(3) // scores of some size
            const inputs = [query, key, value]
            for (const input of inputs) input.requiresGrad = true
            const along = randn(query.shape)
            const state = getRngState()
            const run = (kernel: 'fused' | 'explicit') => {
              const attention = new Attention(heads, { dropout: p })
              attention.kernel = kernel
              setRngState(state)
              const y = attention.forward(query, key, value, context)
              assert.equal(/AttentionNode/.test(String(addon().gradientNode(y))), kernel === 'fused')
              return [y, ...grad(y, inputs, { gradOutputs: [along] })] as Tensor[]
            }
            const [got, expected] = [run('fused'), run('explicit')]
            for (const [i, part] of ['value', 'query', 'key', 'value'].entries()) {
              const error = largest(sub(got[i]!, expected[i]!)) / Math.max(largest(expected[i]!), 1e-3)
              assert.ok(error < 2e-6, `${part} ${i}: differs by ${error}`)
            }
          })
        })
      }
    }
  }

  it('takes another way where scores have a scale of their own', () => {
    scope(() => {
      const context = contextOf([9, 2])
      const [query, key, value] = [0, 1, 2].map(() => randn([11, 16])) as [Tensor, Tensor, Tensor]
      const plain = new Attention(2).forward(query.mul(2), key, value, context)
      const scaled = new Attention(2, { scale: 2 / Math.sqrt(8) }).forward(query, key, value, context)
      assert.ok(largest(sub(scaled, plain)) < 1e-5)
    })
  })

  it('passes on what is no number', () => {
    scope(() => {
      const context = contextOf([9, 2])
      const [query, key, value] = [0, 1, 2].map(() => randn([11, 16])) as [Tensor, Tensor, Tensor]
      const spoilt = tensor([[0], [Number.NaN], ...Array.from({ length: 9 }, () => [0])], { dtype: 'float32' })
      const attention = new Attention(2)
      const bad = (y: Tensor) => (y.tolist() as number[][]).map(row => row.every(Number.isNaN))
      const all = attention.forward(query, key, value, context)
      assert.ok(!bad(all).includes(true))
      const ofQuery = bad(attention.forward(query.add(spoilt), key, value, context))
      assert.deepEqual(
        ofQuery,
        ofQuery.map((_, row) => row === 1),
      ) // its own row
      const ofKey = bad(attention.forward(query, key.add(spoilt), value, context))
      assert.deepEqual(
        ofKey,
        ofKey.map((_, row) => row < 9),
      ) // every row of its text
    })
  })

  it('gives the same bits with several threads, as dropout, frozen products and low-rank ones do', () => {
    scope(() => {
      manualSeed(6)
      const context = contextOf([70, 33, 90, 1])
      const [query, key, value] = [0, 1, 2].map(() => randn([194, 64])) as [Tensor, Tensor, Tensor]
      const weight = randn([4096, 64]) // large enough that its product is shared out
      const [loraA, loraB] = [randn([8, 64]), randn([4096, 8])]
      const inputs = [query, key, value, loraA, loraB]
      for (const input of inputs) input.requiresGrad = true
      const attention = new Attention(4, { dropout: 0.2 })
      const state = getRngState()
      const before = getNumThreads()
      const [one, three] = [1, 3].map(threads => {
        setNumThreads(threads)
        setRngState(state)
        const attended = dropout(attention.forward(query, key, value, context), 0.1)
        const y = add(frozenLinear(attended, weight), loraLinear(attended, { weight, loraA, loraB, scaling: 2 }))
        return [y, ...grad(sum(square(y)), inputs)].map(x => x!.tolist())
      })
      setNumThreads(before)
      assert.deepEqual(three, one)
      forgetConstants(weight)
    })
  })

  it('refuses a second derivative by a sentence, and gives way in forward mode', () => {
    scope(() => {
      const context = contextOf([3, 2])
      const attention = new Attention(1)
      const x = randn([5, 8])
      x.requiresGrad = true
      const run = () => sum(square(attention.forward(x, x, x, context)))
      assert.throws(() => grad(run(), [x], { createGraph: true }), /no second derivative; choose the explicit one/)
      const dropping = new Attention(1, { dropout: 0.5 }) // which takes the explicit way there
      const { tangents } = jvp(() => dropping.forward(x, x, x, context), [x], [randn([5, 8])])
      assert.ok(largest(tangents[0]!) > 0)
      noGrad(() => assert.equal(run().requiresGrad, false))
    })
  })
})
