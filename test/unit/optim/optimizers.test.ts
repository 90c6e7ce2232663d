import assert from 'node:assert/strict'
import { ArgumentError } from '../../../lib/errors.ts'
import * as ops from '../../../lib/ops/index.ts'
import { AdamW, type Optimizer, SGD } from '../../../lib/optim/index.ts'
import { scope, type Tensor, tensor } from '../../../lib/tensor/index.ts'

const leaf = (values: number[]) => tensor(values, { dtype: 'float64', requiresGrad: true })
const gradient = (values: number[]) => tensor(values, { dtype: 'float64' })
const makers: [string, (parameters: Tensor[]) => Optimizer][] = [
  ['AdamW', parameters => new AdamW([{ parameters, learningRate: 0.1, weightDecay: 0.02 }])],
  ['SGD', parameters => new SGD([{ parameters, learningRate: 0.1, weightDecay: 0.02 }], { momentum: 0.9 })],
]

describe('optimisers', () => {
  it('AdamW: the first step is the closed form lr * sign of the gradient, after the decay', () => {
    scope(() => {
      const parameter = leaf([1, -2])
      new AdamW([{ parameters: [parameter], learningRate: 0.1, weightDecay: 0.5 }], { eps: 0 }).step([
        gradient([3, -4]),
      ])
      const expected = [1 * (1 - 0.05) - 0.1, -2 * (1 - 0.05) + 0.1]
      const got = parameter.tolist() as number[]
      got.forEach((value, index) => {
        assert.ok(Math.abs(value - expected[index]!) < 1e-15)
      })
    })
  })

  it('AdamW in the form of transformers: eps before the correction, the decay after the move', () => {
    scope(() => {
      const parameter = leaf([1, -2])
      const [learningRate, weightDecay, eps, betas] = [0.1, 0.5, 0.3, [0.9, 0.98]] as const
      const optimizer = new AdamW([{ parameters: [parameter], learningRate, weightDecay }], {
        betas,
        eps,
        form: 'transformers',
      })
      const expected = [1, -2]
      const moments = [0, 0].map(() => ({ first: 0, second: 0 }))
      for (const [index, gradients] of [
        [3, -4],
        [-1, 0.5],
      ].entries()) {
        optimizer.step([gradient(gradients)])
        moments.forEach((moment, i) => {
          moment.first = betas[0] * moment.first + (1 - betas[0]) * gradients[i]!
          moment.second = betas[1] * moment.second + (1 - betas[1]) * gradients[i]! ** 2
          const size = (learningRate * Math.sqrt(1 - betas[1] ** (index + 1))) / (1 - betas[0] ** (index + 1))
          const moved = expected[i]! - (size * moment.first) / (Math.sqrt(moment.second) + eps)
          expected[i] = moved - learningRate * weightDecay * moved
        })
        ;(parameter.tolist() as number[]).forEach((value, i) => assert.ok(Math.abs(value - expected[i]!) < 1e-14))
      }
      optimizer.dispose()
    })
  })

  it('groups have their own rate and decay', () => {
    scope(() => {
      const [decayed, fixed, fast] = [leaf([1]), leaf([1]), leaf([1])]
      const optimizer = new AdamW(
        [
          { parameters: [decayed], learningRate: 0.1, weightDecay: 0.5 },
          { parameters: [fixed], learningRate: 0.1, weightDecay: 0 },
          { parameters: [fast], learningRate: 0.2, weightDecay: 0 },
        ],
        { eps: 0 },
      )
      optimizer.step([gradient([1]), gradient([1]), gradient([1])])
      const values = [decayed, fixed, fast].map(parameter => parameter.item())
      ;[0.85, 0.9, 0.8].forEach((value, index) => {
        assert.ok(Math.abs(values[index]! - value) < 1e-15, `${values[index]} is not ${value}`)
      })
    })
  })

  for (const [name, make] of makers) {
    it(`${name}: a saved and loaded state goes on to the same bits`, () => {
      scope(() => {
        const gradients = Array.from({ length: 8 }, (_, step) => [
          gradient([step - 3, 0.5]),
          gradient([1 / (step + 1)]),
        ])
        const run = (parameters: Tensor[], reload: boolean) => {
          let optimizer = make(parameters)
          gradients.forEach((row, step) => {
            if (reload && step === 4) {
              const { tensors, numbers } = optimizer.state()
              const copies = Object.fromEntries(Object.entries(tensors).map(([key, value]) => [key, ops.clone(value)]))
              optimizer.dispose()
              optimizer = make(parameters)
              optimizer.load({ tensors: copies, numbers })
            }
            optimizer.step(row)
          })
          optimizer.dispose()
          return parameters.map(parameter => parameter.tolist())
        }
        assert.deepEqual(run([leaf([1, 2]), leaf([3])], true), run([leaf([1, 2]), leaf([3])], false))
      })
    })

    it(`${name}: a null gradient leaves its parameter and its state alone`, () => {
      scope(() => {
        const [moved, still] = [leaf([1]), leaf([1])]
        const optimizer = make([moved, still])
        optimizer.step([gradient([1]), null])
        assert.equal(still.item(), 1)
        assert.notEqual(moved.item(), 1)
        assert.deepEqual(
          Object.keys(optimizer.state().tensors).filter(key => key.startsWith('1.')),
          [],
        )
        optimizer.step([gradient([1]), gradient([1])])
        const alone = leaf([1])
        const fresh = make([alone])
        fresh.step([gradient([1])])
        assert.equal(still.item(), alone.item())
        optimizer.dispose()
        fresh.dispose()
      })
    })

    it(`${name}: refuses what cannot be meant`, () => {
      scope(() => {
        const parameter = leaf([1])
        const optimizer = make([parameter])
        assert.throws(() => optimizer.step([]), ArgumentError)
        assert.throws(() => make([]), ArgumentError)
        assert.throws(() => make([parameter, parameter]), /given twice/)
        assert.throws(() => make([ops.mul(parameter, 2)]), /leaf/)
        assert.throws(
          () => optimizer.load({ tensors: { '0.momentumBuffer': gradient([1, 2]) }, numbers: { '0.step': 1 } }),
          /does not fit/,
        )
      })
    })
  }

  it('refuses options outside their range', () => {
    scope(() => {
      const groups = [{ parameters: [leaf([1])], learningRate: 0.1 }]
      assert.throws(() => new AdamW(groups, { betas: [1, 0.9] }), /betas\[0\] must be at least 0 and below 1, got 1/)
      assert.throws(() => new AdamW(groups, { eps: -1 }), ArgumentError)
      assert.throws(() => new AdamW([{ ...groups[0]!, learningRate: Number.NaN }]), /learningRate/)
      assert.throws(() => new SGD(groups, { nesterov: true }), /nesterov needs a momentum/)
      assert.throws(() => new SGD(groups, { momentum: -1 }), ArgumentError)
    })
  })
})
