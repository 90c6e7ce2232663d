import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { noGrad } from '../../lib/autograd/index.ts'
import { ConfigError } from '../../lib/errors.ts'
import {
  type Batch,
  createModel,
  loadModel,
  packBatch,
  packTexts,
  saveModel,
  TokenClassifier,
  tokenLoss,
} from '../../lib/models/index.ts'
import { type AttentionKernel, useAttentionKernel } from '../../lib/nn/index.ts'
import { indexSelect, view } from '../../lib/ops/index.ts'
import { findModel } from '../../lib/setup/assets.ts'
import { type DType, manualSeed, scope, type Tensor } from '../../lib/tensor/index.ts'
import { assertClose, openGolden, type TensorReference } from './adapters-golden.ts'
import { diskGradients } from './disk-gradients.ts'

interface Case {
  id: string
  model: string
  dtype: 'float32' | 'float64'
  inputs: Record<'inputIds' | 'attentionMask' | 'labels', TensorReference>
  logits: TensorReference
  loss: TensorReference
  hiddenStates: { tensors: string[] }
  gradients: Record<string, TensorReference>
  negligibleGradients: string[]
}

/** Of the largest absolute value of each tensor. */
const tolerance = { float32: 1e-5, float64: 1e-12 }
const root = 'test/golden/token_models'
const labels = ['O', 'B-PER', 'I-PER', 'B-LOC', 'I-LOC']

describe('parity: token classifiers', () => {
  const golden = openGolden<{ cases: Case[] }>('token_models')
  const { cases } = golden.cases
  const models = new Map<string, TokenClassifier>()
  before(() => {
    for (const name of ['bert', 'roberta'])
      for (const dtype of ['float32', 'float64'] satisfies DType[])
        models.set(`${name} ${dtype}`, loadModel(join(root, name), { task: 'token-classification', dtype }))
  })
  after(() => {
    for (const model of models.values()) model.dispose()
  })
  it('sees the models', () => assert.equal(cases.length, 12))

  for (const test of cases) {
    const relative = tolerance[test.dtype]
    const padded = (): Batch => ({
      layout: 'padded',
      inputIds: golden.tensor(test.inputs.inputIds),
      attentionMask: golden.tensor(test.inputs.attentionMask),
    })
    /** The kept tokens of a batch, one after the other, and their rows of a padded tensor [batch * seq, ...]. */
    const packed = (): [Batch, Tensor] => {
      const { inputIds, attentionMask } = test.inputs
      const arrays = [inputIds, attentionMask].map(reference => {
        return golden.tensor(reference).data() as BigInt64Array
      }) as [BigInt64Array, BigInt64Array]
      const { shape } = golden.tensor(inputIds)
      const batch = packBatch({ layout: 'padded', shape, inputIds: arrays[0], attentionMask: arrays[1] })
      return [batch, batch.rows.placeOf]
    }
    for (const kernel of ['fused', 'explicit'] satisfies AttentionKernel[]) {
      it(`${test.model}, ${test.id}, ${test.dtype}, ${kernel}: logits, hidden states, loss, gradients`, () => {
        scope(() => {
          const model = models.get(`${test.model} ${test.dtype}`)!
          useAttentionKernel(model, kernel)
          const target = golden.tensor(test.inputs.labels)
          const { logits, hiddenStates } = model.forward(padded(), { hiddenStates: true })
          assertClose(logits, golden.tensor(test.logits), 'logits', { relative })
          test.hiddenStates.tensors.forEach((tensor, layer) => {
            assertClose(hiddenStates![layer]!, golden.tensor({ tensor }), `hidden states ${layer}`, { relative })
          })
          checkGradients(model, tokenLoss(logits, target), test)
          if (test.id === 'left-padding') return // such texts stay padded
          const [batch, places] = packed()
          const rows = model.forward(batch).logits
          assertClose(rows, indexSelect(view(golden.tensor(test.logits), [-1, labels.length]), 0, places), 'packed', {
            relative,
          })
          checkGradients(model, tokenLoss(rows, indexSelect(view(target, [-1]), 0, places)), test)
        })
      })
    }
  }

  function checkGradients(model: TokenClassifier, loss: Tensor, test: Case): void {
    const relative = tolerance[test.dtype]
    assertClose(loss, golden.tensor(test.loss), 'loss', { relative })
    const byName = diskGradients(model, loss)
    assert.equal(
      byName.size,
      test.dtype === 'float64' ? Object.keys(test.gradients).length + test.negligibleGradients.length : byName.size,
    )
    for (const [name, reference] of Object.entries(test.gradients))
      assertClose(byName.get(name)!, golden.tensor(reference), name, { relative })
    for (const name of test.negligibleGradients)
      assert.ok(Number(byName.get(name)!.abs().max().item()) < 1e-6, `${name}: negligible`)
  }

  it('have the masks of dropout that a padded batch has', () => {
    scope(() => {
      const model = models.get('bert float64')!.train(true)
      useAttentionKernel(model, 'explicit')
      const test = cases.find(
        ({ id, model: name, dtype }) => id === 'right-padding' && name === 'bert' && dtype === 'float64',
      )!
      const inputs = {
        inputIds: golden.tensor(test.inputs.inputIds),
        attentionMask: golden.tensor(test.inputs.attentionMask),
      }
      const batch = packBatch({
        layout: 'padded',
        shape: inputs.inputIds.shape,
        inputIds: inputs.inputIds.data() as BigInt64Array,
        attentionMask: inputs.attentionMask.data() as BigInt64Array,
      })
      const forward = (of: Batch) => {
        manualSeed(3)
        return noGrad(() => model.forward(of).logits)
      }
      const side = view(forward({ layout: 'padded', ...inputs }), [-1, labels.length])
      const rows = forward(batch)
      model.train(false)
      assertClose(rows, indexSelect(side, 0, batch.rows.placeOf), 'dropped', { relative: 1e-12 })
      assert.ok(Number(rows.sub(forward(batch)).abs().max().item()) > 0.1)
    })
  })
})

describe('token classifiers', () => {
  it('are loaded from a pretrained encoder without its pooler, with a new head', () => {
    const model = loadModel(findModel(), { task: 'token-classification', head: 'new', labels })
    assert.deepEqual(model.origin!.created, ['classifier.weight', 'classifier.bias'])
    assert.deepEqual(
      model.origin!.ignored.filter(name => name.includes('pooler')),
      ['pooler.dense.bias', 'pooler.dense.weight'],
    )
    assert.ok(!model.namedParameters().some(([path]) => path.includes('pooler')))
    model.dispose()
  })

  for (const name of ['distilbert-gelu', 'esm-2', 'deberta-v3', 'roberta-gelu']) {
    it(`take the place of a classifier of texts, ${name}`, () => {
      const folder = name === 'roberta-gelu' ? 'test/golden/models' : 'test/golden/encoders'
      const model = loadModel(join(folder, name, 'model'), { task: 'token-classification', head: 'new', labels })
      const made = model.origin!.created.filter(path => !/contact_head|inv_freq/.test(path))
      assert.deepEqual(made, ['classifier.weight', 'classifier.bias'])
      const left = model.origin!.ignored.filter(path => /classifier|pooler/.test(path))
      assert.ok(left.length >= 4, left.join())
      model.dispose()
    })
  }

  it("drop hidden states before the head, by the classifier's own probability", () => {
    scope(() => {
      const config = { model_type: 'bert', vocab_size: 9, hidden_size: 8, num_attention_heads: 2, num_hidden_layers: 1 }
      const quiet = {
        hidden_dropout_prob: 0,
        attention_probs_dropout_prob: 0,
        intermediate_size: 8,
        classifier_dropout: 0.5,
      }
      const model = createModel({ ...config, ...quiet }, { task: 'token-classification' })
      const batch = packTexts([{ ids: [1, 2, 3], typeIds: [0, 0, 0] }])
      const logits = () => noGrad(() => model.forward(batch).logits)
      const plain = logits()
      model.train(true)
      assert.ok(Number(plain.sub(logits()).abs().max().item()) > 1e-3)
      assert.deepEqual(plain.shape, [3, 2])
    })
  })

  it('are saved as transformers saves them', () => {
    const folder = mkdtempSync(join(tmpdir(), 'bidora-tokens-'))
    try {
      const model = loadModel(join(root, 'bert'), { task: 'token-classification' })
      saveModel(model, folder)
      const config = (of: string) =>
        JSON.parse(readFileSync(join(of, 'config.json'), 'utf8')) as Record<string, unknown>
      const { torch_dtype: _, problem_type: problemType, ...saved } = config(folder)
      assert.equal(problemType, null)
      assert.deepEqual(saved, config(join(root, 'bert')))
      const again = loadModel(folder, { task: 'token-classification' })
      assert.ok(again instanceof TokenClassifier)
      for (const [path, tensor] of again.namedParameters())
        assert.deepEqual(tensor.tolist(), Object.fromEntries(model.namedParameters())[path]!.tolist(), path)
      model.dispose()
      again.dispose()
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('and classifiers of texts are not taken for each other', () => {
    const token = { task: 'token-classification' } as const
    assert.throws(
      () => loadModel(join(root, 'bert')),
      (error: ConfigError) => error.code === 'NO_HEAD',
    )
    assert.throws(
      () => loadModel('test/golden/models/bert-gelu/model', token),
      /architectures with BertForTokenClassification/,
    )
    assert.throws(
      () => loadModel(findModel(), token),
      (error: ConfigError) => error.code === 'NO_HEAD',
    )
    assert.throws(() => loadModel(join(root, 'bert'), { ...token, labels: ['O', 'B-X'] }), /expected 5 labels/)
    assert.throws(
      () => loadModel(join(root, 'bert'), { task: 'tagging' as 'token-classification' }),
      /expected a task of text-classification, token-classification, got tagging/,
    )
    assert.throws(() => loadModel(join(root, 'bert'), { ...token, head: 'new', labels: ['O'] }), ConfigError)
  })
})
