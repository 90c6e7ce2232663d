import assert from 'node:assert/strict'
import { AdaptedLinear } from '../../../lib/adapters/index.ts'
import { weightChange } from '../../../lib/analyze/change.ts'
import type { StoredWeight } from '../../../lib/analyze/decompose.ts'
import { noGrad } from '../../../lib/autograd/index.ts'
import { Linear } from '../../../lib/nn/index.ts'
import { add, arange, mul, randn } from '../../../lib/ops/index.ts'
import { type DType, scope, type Tensor, tensor } from '../../../lib/tensor/index.ts'

const axes = ['out', 'in'] as const
const numbers = (x: Tensor) => x.tolist() as number[][]

/** A layer as it is attached: nothing has moved. */
function fresh(out: number, width: number, axis: 'in' | 'out', dtype: DType): StoredWeight {
  const linear = new Linear(width, out, { dtype })
  const layer = new AdaptedLinear(linear, { method: 'bidora', rank: 2, loraAlpha: 4, magnitudeAxis: axis })
  const { weight, loraA, loraB, scaling, magnitude } = layer
  return { weight, lowRank: { loraA, loraB, scaling }, magnitude: { values: magnitude!, axis } }
}

describe('change of a weight', () => {
  for (const axis of axes) {
    for (const own of axes) {
      for (const dtype of ['float32', 'float64', 'bfloat16'] as const) {
        it(`is exactly 0 for a new adapter: axis ${axis}, magnitudes per ${own}put, ${dtype}`, () => {
          scope(() => {
            const stored = noGrad(() => fresh(900, 70, own, dtype))
            const change = weightChange({ weight: stored.weight }, stored, axis)
            assert.equal(change.magnitudeChange, 0)
            assert.equal(change.directionChange, 0)
            assert.equal(change.zeroLines, 0)
            assert.equal(change.lines, axis === 'out' ? 900 : 70)
          })
        })
      }
    }

    it(`sees a magnitude that moved by 2e-6 of itself: axis ${axis}`, () => {
      scope(() => {
        const stored = noGrad(() => fresh(30, 20, axis, 'float32'))
        const moved = mul(stored.magnitude!.values.detach(), 1 + 2e-6)
        const change = weightChange({ weight: stored.weight }, { ...stored, magnitude: { values: moved, axis } }, axis)
        const relative = change.magnitudeChange / change.meanMagnitude
        assert.ok(Math.abs(relative - 2e-6) < 2e-7, `${relative}`)
        assert.equal(change.directionChange, 0)
      })
    })

    it(`is exactly 0 for equal weights, zero lines included: axis ${axis}`, () => {
      scope(() => {
        const weight = tensor([
          [0.1, 0, 3e-20],
          [0, 0, 0],
          [-7, 0, 1e20],
        ])
        const change = weightChange({ weight }, { weight: add(weight, 0) }, axis)
        assert.deepEqual([change.magnitudeChange, change.directionChange, change.zeroLines], [0, 0, 1])
      })
    })

    it(`sums blocks of rows to what the whole gives: axis ${axis}`, () => {
      scope(() => {
        // 4.4 million numbers: more than a block, and no whole number of blocks.
        const [out, width] = [2100, 2110]
        const [u, v] = [randn([out, 1], { dtype: 'float64' }), randn([1, width], { dtype: 'float64' })]
        const weight = mul(u, v)
        const absolute = (x: Tensor) => numbers(x).flat().map(Math.abs)
        const [lines, others] = axis === 'out' ? [absolute(u), absolute(v)] : [absolute(v), absolute(u)]
        const norm = (values: number[]) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))
        const mean = (lines.reduce((sum, value) => sum + value, 0) * norm(others)) / lines.length
        // Turned round by the low-rank part, more from line to line of the other axis, whose magnitudes are 1.5 times as long.
        const uneven = (x: Tensor) =>
          mul(x, add(mul(arange(0, others.length, { dtype: 'float64' }), 1e-3), 2).reshape(x.shape))
        const values = tensor(
          others.map(value => 1.5 * value * norm(lines)),
          { dtype: 'float64' },
        )
        const magnitude = { values, axis: axis === 'out' ? ('in' as const) : ('out' as const) }
        const factors = axis === 'out' ? { loraA: uneven(v), loraB: u } : { loraA: v, loraB: uneven(u) }
        const after = { weight, lowRank: { ...factors, scaling: -1 }, magnitude }
        const change = weightChange({ weight }, after, axis)
        assert.equal(change.lines, axis === 'out' ? out : width)
        assert.ok(Math.abs(change.directionChange - 2) < 1e-12)
        assert.ok(Math.abs(change.meanMagnitude / mean - 1) < 1e-12)
        assert.ok(Math.abs(change.magnitudeChange / mean - 0.5) < 1e-12)
      })
    })
  }

  it('counts a line that appears as a right angle, and its length as the change', () => {
    scope(() => {
      const [before, after] = [
        tensor([
          [3, 4],
          [0, 0],
        ]),
        tensor([
          [3, 4],
          [0, 2],
        ]),
      ]
      const change = weightChange({ weight: before }, { weight: after }, 'out')
      assert.deepEqual(change, { lines: 2, magnitudeChange: 1, directionChange: 0.5, meanMagnitude: 2.5, zeroLines: 1 })
    })
  })

  it('takes a negative magnitude as it is: the direction is that of the sum', () => {
    scope(() => {
      const weight = tensor([[3, 4]])
      const lowRank = { loraA: tensor([[0, 0]]), loraB: tensor([[0]]), scaling: 1 }
      const magnitude = { values: tensor([-5]), axis: 'out' as const }
      const change = weightChange({ weight }, { weight, lowRank, magnitude }, 'out')
      assert.equal(change.magnitudeChange, 10)
      assert.equal(change.directionChange, 0)
    })
  })
})
