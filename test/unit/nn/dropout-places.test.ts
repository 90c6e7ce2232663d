import assert from 'node:assert/strict'
import { grad, jvp } from '../../../lib/autograd/index.ts'
import { dropout } from '../../../lib/nn/index.ts'
import { add, indexSelect, mul, ones, randn, square, sub, sum, to } from '../../../lib/ops/index.ts'
import { getRngState, manualSeed, scope, setRngState, type Tensor, tensor } from '../../../lib/tensor/index.ts'

/** The same random state for each call. */
function repeated<T>(run: () => T): () => T {
  const state = getRngState()
  return () => {
    setRngState(state)
    return run()
  }
}

describe('nn/dropout by places', () => {
  it('gives rows of one place one mask, in any order and number', () => {
    scope(() => {
      const x = ones([6, 45])
      const places = [5, 0, 2]
      const rows = tensor(places, { dtype: 'int64' })
      const all = repeated(() => dropout(x, 0.4))()
      manualSeed(1)
      const run = repeated(() => dropout(ones([3, 45]), 0.4, { rows }))
      const whole = repeated(() => dropout(x, 0.4))
      assert.deepEqual(run().tolist(), indexSelect(whole(), 0, rows).tolist())
      assert.notDeepEqual(all.tolist(), whole().tolist())
    })
  })

  for (const width of [1, 7, 8, 31, 32, 33, 384]) {
    it(`keeps the same elements in every dtype: ${width} columns`, () => {
      scope(() => {
        manualSeed(2)
        const draws = (['float64', 'float32', 'bfloat16', 'float16'] as const).map(dtype => {
          manualSeed(2)
          return to(dropout(ones([5, width], { dtype }), 0.5), { dtype: 'float64' }).tolist()
        })
        for (const other of draws.slice(1)) assert.deepEqual(other, draws[0])
      })
    })
  }

  it('keeps the share that is asked for, of values and of neighbours', () => {
    scope(() => {
      manualSeed(3)
      const kept = to(dropout(ones([1000, 1000], { dtype: 'float64' }), 0.1), {
        dtype: 'float64',
      }).data() as Float64Array
      let sum = 0
      let pairs = 0
      kept.forEach((value, i) => {
        sum += value > 0 ? 1 : 0
        pairs += value > 0 && (kept[i + 1] ?? 0) > 0 ? 1 : 0
      })
      assert.ok(Math.abs(sum / 1e6 - 0.9) < 5 * Math.sqrt(0.09 / 1e6), `kept ${sum / 1e6}`)
      assert.ok(Math.abs(pairs / 1e6 - 0.81) < 0.002, `both kept ${pairs / 1e6}`)
    })
  })

  it('adds the residual, and differentiates both in every order and in forward mode', () => {
    const same = (got: Tensor, expected: Tensor) => assert.equal(sub(got, expected).abs().max().item(), 0) // -0 is 0
    scope(() => {
      manualSeed(4)
      const [x, residual, along] = [0, 1, 2].map(() => randn([4, 9], { dtype: 'float64' })) as [Tensor, Tensor, Tensor]
      for (const input of [x, residual, along]) input.requiresGrad = true
      const mask = repeated(() => dropout(ones([4, 9], { dtype: 'float64' }), 0.3))
      const run = repeated(() => dropout(x, 0.3, { residual }))
      same(run(), add(mul(x, mask()), residual))
      const [byX, byResidual] = grad(run(), [x, residual], { gradOutputs: [along], createGraph: true })
      same(byX!, mul(along, mask()))
      same(byResidual!, along)
      const [again] = grad(sum(square(byX!)), [along])
      same(again!, mul(mul(mul(along, mask()), mask()), 2))
      const tangent = randn([4, 9], { dtype: 'float64' })
      same(jvp(run, [x], [tangent]).tangents[0]!, mul(tangent, mask()))
    })
  })

  it('refuses places that are not one int64 a row, and a residual of another shape', () => {
    scope(() => {
      assert.throws(
        () => dropout(ones([3, 4]), 0.5, { rows: tensor([0n, 1n]) }),
        /expected int64 \[3\] for places, got int64 \[2\]/,
      )
      assert.throws(() => dropout(ones([3, 4]), 0.5, { residual: ones([4]) }), /for residual, got float32 \[4\]/)
      assert.equal(
        dropout(ones([2, 2]), 1)
          .sum()
          .item(),
        0,
      )
      assert.equal(dropout(ones([0, 3]), 0.5).numel, 0)
    })
  })
})
