import assert from 'node:assert/strict'
import { join } from 'node:path'
import { attachedAdapters, type BottleneckSettings, prepareModel } from '../../lib/adapters/index.ts'
import { namedTensors } from '../../lib/adapters/checkpoint.ts'
import { grad, noGrad } from '../../lib/autograd/index.ts'
import { type Batch, classificationLoss, loadModel } from '../../lib/models/index.ts'
import { copy_ } from '../../lib/ops/index.ts'
import { AdamW, clipByGlobalNorm_ } from '../../lib/optim/index.ts'
import { scope, type Tensor } from '../../lib/tensor/index.ts'
import { assertClose, openGolden, type TensorReference } from './adapters-golden.ts'
import { root } from './golden.ts'

type Named = Record<string, TensorReference>
interface BottleneckCase extends Required<Omit<BottleneckSettings, 'method'>> {
  id: string
  base: string
  inputs: { inputIds: TensorReference; attentionMask: TensorReference; labels: TensorReference }
  parameters: Named
  logits: TensorReference
  loss: TensorReference
  gradients: Named
  losses: number[]
  trained: Named
}

const golden = openGolden<{ cases: BottleneckCase[] }>('bottleneck')
const tolerance = { relative: 1e-11 }

describe('bottleneck adapters', () => {
  it('are seen', () => assert.equal(golden.cases.cases.length, 4))

  for (const one of golden.cases.cases) {
    const { adapterKind, reductionFactor, adapterActivation } = one
    const settings = { method: 'adapter', adapterKind, reductionFactor, adapterActivation } as const
    const withModel = (check: (stored: Map<string, Tensor>, logits: () => Tensor, loss: () => Tensor) => void) => {
      const model = loadModel(join(root, 'test/golden/models', one.base, 'model'), { dtype: 'float64' })
      try {
        prepareModel(model, settings)
        model.train(false)
        scope(() => {
          const stored = namedTensors(model, settings, ['classifier'])
          assert.deepEqual([...stored.keys()].sort(), Object.keys(one.parameters).sort())
          noGrad(() => stored.forEach((tensor, name) => copy_(tensor, golden.tensor(one.parameters[name]!))))
          const [inputIds, attentionMask, labels] = [
            one.inputs.inputIds,
            one.inputs.attentionMask,
            one.inputs.labels,
          ].map(reference => golden.tensor(reference)) as [Tensor, Tensor, Tensor]
          const batch: Batch = { layout: 'padded', inputIds, attentionMask }
          const logits = () => model.forward(batch).logits
          check(stored, logits, () => classificationLoss(logits(), labels, 'single-label'))
        })
      } finally {
        model.dispose()
      }
    }

    it(`${one.id}: logits, loss and gradients are those of the adapters package`, () =>
      withModel((stored, logits, loss) => {
        assertClose(logits(), golden.tensor(one.logits), 'logits', tolerance)
        const names = [...stored.keys()]
        const value = loss()
        assertClose(value, golden.tensor(one.loss), 'loss', tolerance)
        const gradients = grad(value, [...stored.values()])
        names.forEach((name, i) =>
          assertClose(gradients[i]!, golden.tensor(one.gradients[name]!), name, { ...tolerance, absolute: 1e-14 }),
        )
      }))

    it(`${one.id}: eight steps of AdamW lead where they lead there`, () =>
      withModel((stored, _, loss) => {
        const parameters = [...stored.values()]
        const optimizer = new AdamW([{ parameters, learningRate: 0.02, weightDecay: 0.05 }], {
          betas: [0.9, 0.98],
          eps: 1e-8,
        })
        for (const [step, expected] of one.losses.entries()) {
          scope(() => {
            const value = loss()
            assertClose(value, expected, `loss of step ${step + 1}`, { relative: 1e-9 })
            const gradients = grad(value, parameters)
            clipByGlobalNorm_(gradients, 0.5)
            optimizer.step(gradients)
          })
        }
        stored.forEach((tensor, name) =>
          assertClose(tensor, golden.tensor(one.trained[name]!), name, { relative: 1e-8 }),
        )
        optimizer.dispose()
      }))

    it(`${one.id}: bottlenecks stand in as many places, of the same size`, () => {
      const model = loadModel(join(root, 'test/golden/models', one.base, 'model'))
      prepareModel(model, settings)
      assert.equal(attachedAdapters(model).size, adapterKind === 'houlsby' ? 4 : 2)
      model.dispose()
    })
  }
})
