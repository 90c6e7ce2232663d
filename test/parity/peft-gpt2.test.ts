import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { adaptedLayers, loadAdapter, mergeAdapters, saveAdapter } from '../../lib/adapters/index.ts'
import { grad } from '../../lib/autograd/index.ts'
import { type JsonObject, readSafetensors, toModulePath } from '../../lib/io/index.ts'
import {
  type Batch,
  type CausalLanguageModel,
  classificationLoss,
  languageLoss,
  loadLanguageModel,
  loadModel,
  saveModel,
  type SequenceClassifier,
} from '../../lib/models/index.ts'
import { scope, type Tensor } from '../../lib/tensor/index.ts'
import { assertClose, openGolden, type TensorReference } from './adapters-golden.ts'
import { root } from './golden.ts'

interface PeftCase {
  id: string
  base: string
  adapter: string
  language: boolean
  dtype: 'float32' | 'float64'
  inputs: Record<'inputIds' | 'attentionMask' | 'labels', TensorReference>
  baseLogits: TensorReference
  logits: TensorReference
  loss: TensorReference
  gradients: Record<string, TensorReference>
  mergedLogits: TensorReference
}
type Model = CausalLanguageModel | SequenceClassifier

const golden = openGolden<{ cases: PeftCase[] }>('peft_gpt2')
const tolerances = { float32: { absolute: 1e-6, relative: 1e-5 }, float64: { absolute: 1e-14, relative: 1e-12 } }

/** The model's parameter behind a name in PEFT's file. */
function parameterOf(model: Model, name: string): Tensor {
  const path = name
    .replace('base_model.model.', '')
    .replace(/\.lora_(embedding_)?A(\.weight)?$/, '.loraA')
    .replace(/\.lora_(embedding_)?B(\.weight)?$/, '.loraB')
    .replace('.lora_magnitude_vector', '.magnitude')
  const found = model.namedParameters().find(([own]) => own === toModulePath(path))
  assert.ok(found, name)
  return found[1]
}

function withModel(one: PeftCase, check: (model: Model, logits: () => Tensor) => void): void {
  const load = one.language ? loadLanguageModel : loadModel
  const model = load(join(root, 'test/golden', one.base), { dtype: one.dtype })
  try {
    scope(() => {
      const [inputIds, attentionMask] = [golden.tensor(one.inputs.inputIds), golden.tensor(one.inputs.attentionMask)]
      const batch: Batch = { layout: 'padded', inputIds, attentionMask }
      check(model, () => model.forward(batch).logits)
    })
  } finally {
    for (const layer of adaptedLayers(model).values()) layer.dispose()
    model.dispose()
  }
}

describe('adapters of Conv1D and Embedding that PEFT saved', () => {
  it('are seen', () => assert.equal(golden.cases.cases.length, 12))

  for (const one of golden.cases.cases) {
    const tolerance = tolerances[one.dtype]
    const folder = join(root, 'test/golden/peft_gpt2', one.adapter)
    const configOf = (where: string) =>
      JSON.parse(readFileSync(join(where, 'adapter_config.json'), 'utf8')) as JsonObject

    describe(one.id, () => {
      it('give the logits, the loss and the gradients that PEFT gives', () =>
        withModel(one, (model, logits) => {
          // Padding's own places of a language model are counted otherwise by the plain forward of transformers.
          const kept = (x: Tensor) => (one.language ? x.narrow(0, 0, 1) : x)
          assertClose(kept(logits()), kept(golden.tensor(one.baseLogits)), 'base logits', tolerance)
          loadAdapter(folder, model)
          assertClose(kept(logits()), kept(golden.tensor(one.logits)), 'logits', tolerance)
          const labels = golden.tensor(one.inputs.labels)
          const loss = one.language
            ? languageLoss(logits(), labels)
            : classificationLoss(logits(), labels, 'single-label')
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

      it('merge to what PEFT merges to, as a plain checkpoint', () =>
        withModel(one, (model, logits) => {
          const kept = (x: Tensor) => (one.language ? x.narrow(0, 0, 1) : x)
          loadAdapter(folder, model)
          const before = logits()
          const merge = mergeAdapters(model)
          assertClose(kept(logits()), kept(golden.tensor(one.mergedLogits)), 'merged logits', tolerance)
          merge.undo()
          assert.deepEqual(logits().tolist(), before.tolist())
          mergeAdapters(model).finish()
          const where = mkdtempSync(join(tmpdir(), 'bidora-peft-'))
          try {
            saveModel(model, where)
            const load = one.language ? loadLanguageModel : loadModel
            const again = load(where, { dtype: one.dtype })
            assert.equal(again.parameters().length, model.parameters().length)
            again.dispose()
          } finally {
            rmSync(where, { recursive: true })
          }
        }))

      it('are saved again as the same tensors under the same names, with the same patterns', () =>
        withModel(one, model => {
          const config = loadAdapter(folder, model)
          const again = mkdtempSync(join(tmpdir(), 'bidora-peft-'))
          try {
            saveAdapter(again, model, config)
            const [theirs, ours] = [folder, again].map(where =>
              readSafetensors(join(where, 'adapter_model.safetensors'), { copy: true }),
            )
            assert.deepEqual([...ours!.keys()].sort(), [...theirs!.keys()].sort())
            for (const [name, tensor] of ours!) assertClose(tensor, theirs!.get(name)!, name, {})
            const [their, our] = [folder, again].map(configOf) as [JsonObject, JsonObject]
            for (const key of [
              'rank_pattern',
              'alpha_pattern',
              'target_modules',
              'r',
              'lora_alpha',
              'use_dora',
              'task_type',
            ])
              assert.deepEqual(our[key], their[key], key)
            if (one.language) assert.deepEqual([our.modules_to_save, their.modules_to_save], [null, null])
            assert.equal(our.fan_in_fan_out, one.base.startsWith('gpt2'))
          } finally {
            rmSync(again, { recursive: true })
          }
        }))
    })
  }
})
