import assert from 'node:assert/strict'
import { AdaloraLinear, type AllocationSchedule, budgetAt, RankAllocator } from '../../lib/adapters/index.ts'
import { noGrad } from '../../lib/autograd/index.ts'
import { Linear } from '../../lib/nn/index.ts'
import { clone, copy_ } from '../../lib/ops/index.ts'
import { scope, type Tensor } from '../../lib/tensor/index.ts'
import { assertClose, openGolden, type TensorReference } from './adapters-golden.ts'

type Named = Record<string, TensorReference>
interface Allocation {
  schedule: AllocationSchedule
  loraAlpha: number
  initialRank: number
  rank: number
  steps: { values: Named; gradients: Named; after: Named; sensitivity: Named; uncertainty: Named }[]
}

const golden = openGolden<{ allocation: Allocation }>('baselines')
const { schedule, steps, rank, initialRank, loraAlpha } = golden.cases.allocation
const names = { lora_A: 'loraA', lora_B: 'loraB', lora_E: 'loraE' } as const

describe('the allocator of AdaLoRA', () => {
  const withLayers = (check: (layers: AdaloraLinear[], parameterOf: (name: string) => Tensor) => void) => {
    const settings = { method: 'adalora', rank, initialRank, loraAlpha, targetModules: [] } as const
    const layers = [0, 1].map(() => new AdaloraLinear(new Linear(24, 24, { dtype: 'float64' }), settings))
    const parameterOf = (name: string) => {
      const [layer, tensor] = name.split('.') as [string, keyof typeof names]
      return layers[Number(layer)]![names[tensor]]
    }
    scope(() => check(layers, parameterOf))
    for (const layer of layers) layer.dispose()
  }
  const take = (step: (typeof steps)[number], parameterOf: (name: string) => Tensor) => {
    noGrad(() => Object.entries(step.values).forEach(([name, value]) => copy_(parameterOf(name), golden.tensor(value))))
    return new Map(Object.entries(step.gradients).map(([name, value]) => [parameterOf(name), golden.tensor(value)]))
  }

  it('learns what is important as that of PEFT, and takes the same ranks at every step', () =>
    withLayers((layers, parameterOf) => {
      const allocator = new RankAllocator(layers, rank, schedule)
      let [compared, changed] = [0, 0]
      for (const [index, step] of steps.entries()) {
        const gradients = take(step, parameterOf)
        allocator.update(index + 1, parameter => gradients.get(parameter))
        const learnt = allocator.tensors()
        for (const kind of ['sensitivity', 'uncertainty'] as const) {
          for (const [name, value] of Object.entries(step[kind])) {
            const [layer, tensor] = name.split('.') as [string, keyof typeof names]
            const got = learnt[`${kind}.${layer}.${names[tensor]}`]!
            assertClose(got, golden.tensor(value), `${kind} of ${name}, step ${index + 1}`, { relative: 1e-13 })
            compared++
          }
        }
        for (const [name, value] of Object.entries(step.after)) {
          const expected = golden.tensor(value)
          assertClose(parameterOf(name), expected, `${name}, step ${index + 1}`, {})
          if ((expected.tolist() as number[][]).some(([entry]) => entry === 0)) changed++
        }
      }
      assert.equal(compared, 6 * 2 * 6) // of the steps before the last allocation
      assert.ok(changed >= 6, String(changed))
      allocator.dispose()
    }))

  for (const cut of [3, 7, 8]) {
    it(`goes on from what a checkpoint holds after step ${cut} as if it had not been cut`, () =>
      withLayers((layers, parameterOf) => {
        let allocator = new RankAllocator(layers, rank, schedule)
        for (const [index, step] of steps.entries()) {
          const gradients = take(step, parameterOf)
          allocator.update(index + 1, parameter => gradients.get(parameter))
          for (const [name, value] of Object.entries(step.after))
            assertClose(parameterOf(name), golden.tensor(value), `${name}, step ${index + 1}`, {})
          if (index + 1 !== cut) continue
          const next = new RankAllocator(layers, rank, schedule)
          next.load(allocator.tensors(), tensor => clone(tensor))
          allocator.dispose()
          allocator = next
        }
        allocator.dispose()
      }))
  }

  it('has a budget that falls from the initial ranks to the target by the cube', () => {
    const plan = { ...schedule, totalSteps: 20, tinit: 4, tfinal: 6 }
    const budgets = Array.from({ length: 20 }, (_, index) => budgetAt(index + 1, plan, 80, 30))
    assert.deepEqual(budgets.slice(0, 4), [80, 80, 80, 80])
    assert.deepEqual(budgets.slice(13), [30, 30, 30, 30, 30, 30, 30])
    for (let step = 5; step < 14; step++)
      assert.equal(budgets[step - 1], Math.floor(50 * (1 - (step - 4) / 10) ** 3 + 30))
  })

  it('takes nothing where the ranks are no more than the target', () =>
    withLayers((layers, parameterOf) => {
      const allocator = new RankAllocator(layers, initialRank, schedule)
      assert.ok(!allocator.isNeeded)
      for (const [index, step] of steps.entries()) {
        const gradients = take(step, parameterOf)
        allocator.update(index + 1, parameter => gradients.get(parameter))
        for (const name of Object.keys(step.after))
          assertClose(parameterOf(name), golden.tensor(step.values[name]!), name, {})
      }
      assert.deepEqual(allocator.tensors(), {})
    }))
})
