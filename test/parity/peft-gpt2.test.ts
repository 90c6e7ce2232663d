import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { adaptedLayers, loadAdapter, mergeAdapters } from '../../lib/adapters/index.ts'
import type { JsonObject } from '../../lib/io/index.ts'
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
import { assertClose, openGolden } from './adapters-golden.ts'
import { root } from './golden.ts'
import { assertGradients, assertSavedAgain, type PeftCase, tolerances } from './peft-golden.ts'

interface Case extends PeftCase {
  language: boolean
}
type Model = CausalLanguageModel | SequenceClassifier

const golden = openGolden<{ cases: Case[] }>('peft_gpt2')

function withModel(one: Case, check: (model: Model, logits: () => Tensor) => void): void {
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
          assertGradients(golden, one, model, loss)
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
        withModel(one, model =>
          assertSavedAgain(folder, model, again => {
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
          }),
        ))
    })
  }
})
