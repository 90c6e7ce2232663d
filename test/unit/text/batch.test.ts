import assert from 'node:assert/strict'
import { ArgumentError } from '../../../lib/errors.ts'
import { type PadOptions, padBatch } from '../../../lib/text/index.ts'

const text = (ids: number[], typeIds = ids.map(() => 1)) => ({ ids, typeIds, length: ids.length, truncated: false })
const texts = [text([5, 6, 7]), text([8])]
const numbers = (values: BigInt64Array): number[] => Array.from(values, Number)

describe('padBatch', () => {
  it('pads on the right', () => {
    const batch = padBatch(texts, { side: 'right', padId: 1 })
    assert.equal(batch.layout, 'padded')
    assert.deepEqual([batch.size, batch.shape, batch.realTokens], [2, [2, 3], 4])
    assert.deepEqual(numbers(batch.inputIds), [5, 6, 7, 8, 1, 1])
    assert.deepEqual(numbers(batch.attentionMask), [1, 1, 1, 1, 0, 0])
    assert.deepEqual(numbers(batch.tokenTypeIds), [1, 1, 1, 1, 0, 0])
  })

  it('pads on the left', () => {
    const batch = padBatch(texts, { side: 'left', padId: 1, padTypeId: 2 })
    assert.deepEqual(numbers(batch.inputIds), [5, 6, 7, 1, 1, 8])
    assert.deepEqual(numbers(batch.attentionMask), [1, 1, 1, 0, 0, 1])
    assert.deepEqual(numbers(batch.tokenTypeIds), [1, 1, 1, 2, 2, 1])
  })

  it('rounds up and takes a fixed length', () => {
    assert.deepEqual(padBatch(texts, { side: 'right', padId: 0, multipleOf: 8 }).shape, [2, 8])
    assert.deepEqual(padBatch(texts, { side: 'right', padId: 0, length: 5 }).shape, [2, 5])
    assert.deepEqual(padBatch(texts, { side: 'right', padId: 0, length: 5, multipleOf: 4 }).shape, [2, 8])
    assert.deepEqual(padBatch(texts, { side: 'left', padId: 0, length: 3 }).shape, [2, 3])
  })

  it('keeps large ids', () => {
    const batch = padBatch([text([2 ** 32 - 1, 2 ** 31])], { side: 'right', padId: 0 })
    assert.deepEqual([...batch.inputIds], [4294967295n, 2147483648n])
  })

  it('refuses what is no batch', () => {
    const refused = (encoded: typeof texts, options: unknown, message: RegExp): void =>
      assert.throws(
        () => padBatch(encoded, options as PadOptions),
        (error: unknown) => error instanceof ArgumentError && message.test(error.message),
      )
    const right = { side: 'right', padId: 0 }
    refused([], right, /at least one text/)
    refused([...texts, text([])], right, /text 2: expected at least one token/)
    refused(texts, { ...right, length: 2 }, /text 0: expected at most 2 tokens \(length\), got 3/)
    refused(texts, { padId: 0 }, /side 'left' or 'right', got undefined/)
    refused(texts, { ...right, padId: null }, /padId to be a whole number from 0, got null/)
    refused(texts, { ...right, padId: -1 }, /padId/)
    refused(texts, { ...right, padTypeId: 0.5 }, /padTypeId/)
    refused(texts, { ...right, multipleOf: 0 }, /multipleOf/)
    refused(texts, { ...right, length: Number.NaN }, /length to be/)
  })
})
