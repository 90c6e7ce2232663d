import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { adaptedLayers, loadAdapter, mergeAdapters, saveAdapter } from '../../lib/adapters/index.ts'
import { grad } from '../../lib/autograd/index.ts'
import { readSafetensors, toModulePath } from '../../lib/io/index.ts'
import { type Batch, classificationLoss, loadModel, type SequenceClassifier } from '../../lib/models/index.ts'
import { scope, type Tensor } from '../../lib/tensor/index.ts'
import { assertClose, openGolden, type TensorReference } from './adapters-golden.ts'
import { root } from './golden.ts'

type Named = Record<string, TensorReference>
interface PeftCase {
  id: string
  base: string
  adapter: string
  dtype: 'float32' | 'float64'
  useDora: boolean
  inputs: {
    inputIds: TensorReference
    attentionMask: TensorReference
    tokenTypeIds?: TensorReference
    labels: TensorReference
  }
  baseLogits: TensorReference
  logits: TensorReference
  loss: TensorReference
  gradients: Named
  mergedLogits: TensorReference
  mergedWeight: Named
}

const golden = openGolden<{ cases: PeftCase[] }>('peft')
const tolerances = { float32: { absolute: 1e-6, relative: 1e-5 }, float64: { absolute: 1e-14, relative: 1e-12 } }

/** The model's parameter behind a name in PEFT's file. */
function parameterOf(model: SequenceClassifier, name: string): Tensor {
  const path = name
    .replace('base_model.model.', '')
    .replace('.lora_A.weight', '.loraA')
    .replace('.lora_B.weight', '.loraB')
    .replace('.lora_magnitude_vector', '.magnitude')
  const found = model.namedParameters().find(([own]) => own === toModulePath(path))
  assert.ok(found, name)
  return found[1]
}

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
          assertClose(loss, golden.tensor(one.loss), 'loss', tolerance)
          const names = Object.keys(one.gradients)
          const gradients = grad(
            loss,
            names.map(name => parameterOf(model, name)),
          )
          names.forEach((name, i) =>
            assertClose(gradients[i]!, golden.tensor(one.gradients[name]!), name, {
              ...tolerance,
              relative: tolerance.relative * 10,
            }),
          )
          assert.equal(model.namedParameters().filter(([, tensor]) => tensor.requiresGrad).length, names.length)
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
        withModel(model => {
          const config = loadAdapter(folder, model)
          const again = mkdtempSync(join(tmpdir(), 'bidora-peft-'))
          try {
            saveAdapter(again, model, config)
            const [theirs, ours] = [folder, again].map(where =>
              readSafetensors(join(where, 'adapter_model.safetensors'), { copy: true }),
            )
            assert.deepEqual([...ours!.keys()].sort(), [...theirs!.keys()].sort())
            for (const [name, tensor] of ours!) assertClose(tensor, theirs!.get(name)!, name, {})
          } finally {
            rmSync(again, { recursive: true })
          }
        }))
    })
  }
})
