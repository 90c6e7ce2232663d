import assert from 'node:assert/strict'
import { join } from 'node:path'
import { adaptedLayers, loadAdapter, mergeAdapters } from '../../lib/adapters/index.ts'
import { toModulePath } from '../../lib/io/index.ts'
import { type Batch, classificationLoss, loadModel, type SequenceClassifier } from '../../lib/models/index.ts'
import { scope, type Tensor } from '../../lib/tensor/index.ts'
import { assertClose, openGolden, type TensorReference } from './adapters-golden.ts'
import { root } from './golden.ts'
import { assertGradients, assertSavedAgain, type PeftCase, tolerances } from './peft-golden.ts'

interface PlainCase extends PeftCase {
  useDora: boolean
  mergedWeight: Record<string, TensorReference>
}

const golden = openGolden<{ cases: PlainCase[] }>('peft')

describe('adapters that PEFT saved', () => {
  for (const one of golden.cases.cases) {
    const tolerance = tolerances[one.dtype]
    const folder = join(root, 'test/golden/peft', one.adapter)
    const withModel = (check: (model: SequenceClassifier, batch: Batch, labels: Tensor) => void) => {
      const model = loadModel(join(root, 'test/golden/models', one.base, 'model'), { dtype: one.dtype })
      try {
        scope(() => {
          const { labels, ...inputs } = one.inputs
          const batch = {
            layout: 'padded',
            ...Object.fromEntries(Object.entries(inputs).map(([name, reference]) => [name, golden.tensor(reference)])),
          } as Batch
          check(model, batch, golden.tensor(labels))
        })
      } finally {
        for (const layer of adaptedLayers(model).values()) layer.dispose()
        model.dispose()
      }
    }

    describe(one.id, () => {
      it('give the logits, the loss and the gradients that PEFT gives', () =>
        withModel((model, batch, labels) => {
          assertClose(model.forward(batch).logits, golden.tensor(one.baseLogits), 'base logits', tolerance)
          const { settings } = loadAdapter(folder, model)
          assert.equal(settings.method, one.useDora ? 'dora' : 'lora')
          const { logits } = model.forward(batch)
          assertClose(logits, golden.tensor(one.logits), 'logits', tolerance)
          const loss = classificationLoss(logits, labels, 'single-label')
          assertGradients(golden, one, model, loss)
        }))

      it('merge to the weights that PEFT merges to', () =>
        withModel((model, batch) => {
          loadAdapter(folder, model)
          mergeAdapters(model).finish()
          const parameters = new Map(model.namedParameters())
          for (const [name, reference] of Object.entries(one.mergedWeight))
            assertClose(parameters.get(toModulePath(name))!, golden.tensor(reference), name, tolerance)
          assertClose(model.forward(batch).logits, golden.tensor(one.mergedLogits), 'merged logits', tolerance)
        }))

      it('are saved again as the same tensors under the same names', () =>
        withModel(model => assertSavedAgain(folder, model)))
    })
  }
})
