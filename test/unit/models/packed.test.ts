import assert from 'node:assert/strict'
import { grad, noGrad } from '../../../lib/autograd/index.ts'
import { ShapeError } from '../../../lib/errors.ts'
import {
  type Batch,
  batchToDevice,
  classificationLoss,
  packBatch,
  packTexts,
  toBatch,
} from '../../../lib/models/index.ts'
import { type AttentionKernel, useAttentionKernel } from '../../../lib/nn/index.ts'
import { getRngState, manualSeed, scope, setRngState, type Tensor, tensor } from '../../../lib/tensor/index.ts'
import { arraysOf as plainArraysOf, filledUp } from './texts.ts'
import { tinyModel } from './tiny.ts'

const arraysOf = (texts: readonly (readonly number[])[]) => ({
  ...plainArraysOf(texts),
  tokenTypeIds: filledUp(texts.map(text => text.map((_, i) => (i > 1 ? 1 : 0)))),
})

const texts: Record<string, number[][]> = {
  'texts of many lengths': [[2, 5, 7, 9, 3], [4], [6, 8, 11], [2, 3, 4, 5]],
  'texts of one length': [
    [2, 5, 7],
    [4, 6, 8],
  ],
  'texts of one token': [[5], [7], [9]],
  'one text': [[3, 9, 12, 4]],
}
const tolerance = { float32: 1e-6, float64: 1e-12 }

const largest = (a: Tensor): number => Number(a.abs().max().item())

describe('models/packed', () => {
  it('lays the kept tokens one after the other', () => {
    scope(() => {
      const batch = packBatch(arraysOf([[2, 5], [4], [6, 8, 9]]))
      assert.deepEqual(batch.inputIds.tolist(), [2, 5, 4, 6, 8, 9])
      assert.deepEqual(batch.positions.tolist(), [0, 1, 0, 0, 1, 2])
      assert.deepEqual(batch.rows.lengths, [2, 1, 3])
      assert.deepEqual(batch.rows.first.tolist(), [0, 2, 3])
      assert.deepEqual(batch.rows.placeOf.tolist(), [0, 1, 3, 6, 7, 8])
      assert.deepEqual([batch.hasPadding, batch.tokenRange], [true, [2, 9]])
      assert.equal(packBatch(arraysOf(texts['texts of one length']!)).hasPadding, false)
      assert.equal(batchToDevice(batch, 'cpu').rows.rowOf, batch.rows.rowOf)
    })
  })

  it('refuses a text without tokens, arrays that do not fit, and texts that are too long', () => {
    scope(() => {
      const good = arraysOf([[1, 2]])
      assert.throws(
        () => packBatch({ ...good, attentionMask: new BigInt64Array(2) }),
        /padding at the end alone, got padding at the start of text 0/,
      )
      assert.throws(() => packBatch({ ...good, attentionMask: new BigInt64Array(1) }), /expected 2 attentionMask/)
      const model = tinyModel()
      const run = (batch: Batch) => model.forward(batch)
      assert.throws(() => run(packBatch(arraysOf([Array(17).fill(1)]))), /at most 16 tokens/)
      assert.throws(() => run(packBatch(arraysOf([[1, 20]]))), /tokens from 0 to 19, got 20/)
      assert.throws(() => run({ ...packBatch(good), tokenTypeIds: tensor([0n]) }), ShapeError)
      model.dispose()
    })
  })

  it('makes the same batch of lists, and refuses texts without tokens', () => {
    scope(() => {
      const ids = texts['texts of many lengths']!
      const lists = ids.map(text => ({ ids: text, typeIds: text.map((_, i) => (i > 1 ? 1 : 0)) }))
      const [packed, listed] = [packBatch(arraysOf(ids)), packTexts(lists)]
      const numbers = ({ rows, ...batch }: typeof packed) =>
        [batch.inputIds, batch.tokenTypeIds!, batch.positions, rows.first, rows.mask, rows.rowOf, rows.placeOf].map(t =>
          t.tolist(),
        )
      assert.deepEqual(numbers(listed), numbers(packed))
      assert.deepEqual(
        [listed.rows.lengths, listed.hasPadding, listed.tokenRange],
        [packed.rows.lengths, true, [2, 11]],
      )
      assert.throws(() => packTexts([{ ids: [], typeIds: [] }]), /texts with a token each, got none in text 0/)
      assert.throws(() => packTexts([]), ShapeError)
    })
  })

  for (const family of ['bert', 'roberta'] as const) {
    for (const [name, ids] of Object.entries(texts)) {
      for (const dtype of ['float32', 'float64'] as const) {
        it(`gives the logits, states and gradients of the padded batch: ${family}, ${name}, ${dtype}`, () => {
          scope(() => {
            const model = tinyModel({ model_type: family, pad_token_id: 0 }, { dtype })
            const labels = tensor(ids.map((_, i) => BigInt(i % 3)))
            const parameters = model.parameters()
            const run = (batch: Batch): Tensor[] => {
              const { logits } = model.forward(batch)
              const loss = classificationLoss(logits, labels, 'single-label')
              const gradients = grad(loss, parameters, { allowUnused: true })
              return [logits.detach(), ...gradients.filter(gradient => gradient !== null)]
            }
            for (const kernel of ['fused', 'explicit'] satisfies AttentionKernel[]) {
              useAttentionKernel(model, kernel)
              const padded = run(toBatch(arraysOf(ids)))
              const packed = run(packBatch(arraysOf(ids)))
              assert.equal(packed.length, padded.length)
              const scale = Math.max(...padded.slice(1).map(largest)) // a gradient that is zero is so but for rounding
              packed.forEach((got, i) => {
                const distance = largest(got.sub(padded[i]!)) / Math.max(largest(padded[i]!), 0.1 * scale)
                assert.ok(distance <= tolerance[dtype], `${kernel}, ${i}: ${distance}`)
              })
            }
            noGrad(() => {
              const batch = packBatch(arraysOf(ids))
              const { logits, hiddenStates } = model.forward(batch, { hiddenStates: true })
              assert.ok(largest(logits.sub(model.forward(batch).logits)) <= tolerance[dtype] * largest(logits))
              assert.deepEqual(hiddenStates!.at(-1)!.shape, [ids.flat().length, 8])
            })
            model.dispose()
          })
        })
      }
    }
  }

  it('draws the same masks again from the same random state', () => {
    scope(() => {
      const model = tinyModel({ hidden_dropout_prob: 0.2, attention_probs_dropout_prob: 0.2 }).train()
      const batch = packBatch(arraysOf(texts['texts of many lengths']!))
      const run = () => noGrad(() => model.forward(batch)).logits.tolist()
      manualSeed(3)
      const state = getRngState()
      const first = run()
      assert.notDeepEqual(run(), first)
      setRngState(state)
      assert.deepEqual(run(), first)
      model.dispose()
    })
  })
})
