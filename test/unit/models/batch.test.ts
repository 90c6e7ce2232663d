import assert from 'node:assert/strict'
import { noGrad } from '../../../lib/autograd/index.ts'
import { ArgumentError, ShapeError } from '../../../lib/errors.ts'
import { type Batch, batchToDevice, type SequenceClassifier, toBatch } from '../../../lib/models/index.ts'
import { sub } from '../../../lib/ops/index.ts'
import { scope, type Tensor, tensor } from '../../../lib/tensor/index.ts'
import { tinyModel } from './tiny.ts'

const arrays = (ids: number[][], mask: number[][]) => ({
  layout: 'padded' as const,
  shape: [ids.length, ids[0]!.length],
  inputIds: BigInt64Array.from(ids.flat(), BigInt),
  attentionMask: BigInt64Array.from(mask.flat(), BigInt),
})
const far = (a: Tensor, b: Tensor): number => Number(sub(a, b).abs().max().item())

describe('models/batch', () => {
  let model: SequenceClassifier
  before(() => {
    model = tinyModel({}, { dtype: 'float64' })
  })
  after(() => model.dispose())
  const logits = (batch: Batch) => noGrad(() => model.forward(batch)).logits

  it('puts arrays on a device and knows whether there is padding', () => {
    scope(() => {
      const batch = toBatch({ ...arrays([[1, 2, 0]], [[1, 1, 0]]), tokenTypeIds: new Int32Array(3) })
      assert.equal(batch.layout, 'padded')
      assert.deepEqual(batch.inputIds.tolist(), [[1, 2, 0]])
      assert.deepEqual([batch.inputIds.dtype, batch.tokenTypeIds!.dtype], ['int64', 'int32'])
      assert.equal(batch.hasPadding, true)
      assert.equal(toBatch(arrays([[1, 2]], [[1, 1]])).hasPadding, false)
      assert.equal(batchToDevice(batch, 'cpu').inputIds, batch.inputIds)
    })
  })

  it('gives the same with and without the mask where nothing is padding', () => {
    scope(() => {
      const batch = toBatch(
        arrays(
          [
            [1, 2, 3],
            [4, 5, 6],
          ],
          [
            [1, 1, 1],
            [1, 1, 1],
          ],
        ),
      )
      assert.ok(far(logits(batch), logits({ ...batch, hasPadding: true })) < 1e-13)
    })
  })

  it('does not see what the padding holds, on either side', () => {
    scope(() => {
      const short = logits(toBatch(arrays([[1, 2]], [[1, 1]])))
      for (const filler of [0, 7]) {
        assert.ok(far(short, logits(toBatch(arrays([[1, 2, filler, filler]], [[1, 1, 0, 0]])))) < 1e-13)
      }
      const left = (filler: number) => logits(toBatch(arrays([[3, filler, 1, 2]], [[1, 0, 1, 1]])))
      assert.ok(far(left(0), left(9)) < 1e-13)
    })
  })

  it('gives numbers for a text of padding alone', () => {
    scope(() => {
      for (const dtype of ['float64', 'float32', 'bfloat16'] as const) {
        const other = tinyModel({}, { dtype })
        const out = noGrad(() =>
          other.forward(
            toBatch(
              arrays(
                [
                  [0, 0],
                  [1, 2],
                ],
                [
                  [0, 0],
                  [1, 1],
                ],
              ),
            ),
          ),
        ).logits
        assert.ok((out.tolist() as number[][]).flat().every(Number.isFinite), dtype)
        other.dispose()
      }
    })
  })

  it('reads token types, and takes none as type 0', () => {
    scope(() => {
      const plain = arrays([[1, 2, 3]], [[1, 1, 1]])
      const typed = (types: number[]) => logits(toBatch({ ...plain, tokenTypeIds: BigInt64Array.from(types, BigInt) }))
      assert.equal(far(logits(toBatch(plain)), typed([0, 0, 0])), 0)
      assert.ok(far(typed([0, 1, 1]), typed([0, 0, 0])) > 1e-6)
    })
  })

  it('has no use for token types where the model knows one', () => {
    scope(() => {
      const one = tinyModel({ type_vocab_size: 1 })
      const plain = arrays([[1, 2, 3]], [[1, 1, 1]])
      const types = { tokenTypeIds: BigInt64Array.from([0n, 1n, 1n]) }
      const run = (batch: Batch) => noGrad(() => one.forward(batch)).logits
      assert.equal(far(run(toBatch(plain)), run(toBatch({ ...plain, ...types }))), 0)
      one.dispose()
    })
  })

  it('refuses arrays that do not fit, and batches that a model cannot read', () => {
    scope(() => {
      const good = arrays([[1, 2]], [[1, 1]])
      assert.throws(() => toBatch({ ...good, shape: [1, 3] }), ShapeError)
      assert.throws(() => toBatch({ ...good, attentionMask: new BigInt64Array(1) }), /expected 2 attentionMask/)
      assert.throws(() => toBatch({ ...good, shape: [0, 2] }), ArgumentError)
      assert.throws(() => toBatch({ ...good, shape: [2] }), ArgumentError)
      const nested = { ...good, layout: 'nested' } as unknown as typeof good
      assert.throws(() => toBatch(nested), /expected a batch of the layout 'padded', got 'nested'/)
      const batch = toBatch(good)
      assert.throws(() => logits({ ...batch, layout: 'nested' } as unknown as Batch), /layout/)
      assert.throws(() => logits({ ...batch, attentionMask: tensor([[1n]]) }), ShapeError)
      assert.throws(() => logits({ ...batch, tokenTypeIds: tensor([[0n]]) }), ShapeError)
      assert.throws(() => logits({ ...batch, inputIds: tensor([1n, 2n]) }), ShapeError)
      assert.throws(() => logits(toBatch(arrays([Array(17).fill(1)], [Array(17).fill(1)]))), /at most 16 tokens/)
      assert.throws(
        () => logits(toBatch(arrays([[1, 20]], [[1, 1]]))),
        /tokens from 0 to 19, got 20; use the model's own/,
      )
      assert.throws(() => logits(toBatch(arrays([[-1, 2]], [[1, 1]]))), /got -1/)
      assert.throws(() => logits({ layout: 'padded', inputIds: tensor([[20n]]), attentionMask: tensor([[1n]]) }))
    })
  })

  it('counts RoBERTa positions after the padding token', () => {
    scope(() => {
      const roberta = tinyModel({ model_type: 'roberta', type_vocab_size: 1 }, { dtype: 'float64' })
      assert.equal(roberta.maxLength, 14)
      const run = (batch: Batch) => noGrad(() => roberta.forward(batch)).logits
      const right = toBatch(arrays([[2, 3, 1, 1]], [[1, 1, 0, 0]]))
      assert.ok(far(run(right), run(toBatch(arrays([[2, 3]], [[1, 1]])))) < 1e-13)
      const long = arrays([Array(15).fill(2)], [Array(15).fill(1)])
      assert.throws(() => run(toBatch(long)), /at most 14 tokens/)
      roberta.dispose()
    })
  })

  it('leaves only its outputs behind', () => {
    scope(() => {
      const batch = toBatch(arrays([[1, 2]], [[1, 1]]))
      const kept = scope(() => noGrad(() => model.forward(batch, { hiddenStates: true })))
      assert.equal(kept.hiddenStates!.length, 3)
      assert.ok([kept.logits, ...kept.hiddenStates!].every(item => !item.disposed))
    })
  })
})
