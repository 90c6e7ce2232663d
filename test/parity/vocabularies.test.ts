import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Tokenizer } from '../../lib/text/index.ts'
import { root } from './golden.ts'

interface Case {
  texts: [text: string, pair?: string]
  ids: number[]
  decoded: string
}

const golden = join(root, 'test/golden/vocabularies')
const cases = JSON.parse(readFileSync(join(golden, 'cases.json'), 'utf8')) as Record<string, Case[]>

describe('parity: tokenizers from vocabularies', () => {
  for (const [family, tests] of Object.entries(cases)) {
    it(`${family}: the ids of transformers, and its texts of them`, async () => {
      const tokenizer = await Tokenizer.fromDir(join(golden, family))
      assert.ok(tests.length > 15)
      for (const { texts, ids, decoded } of tests) {
        const [text, pair] = texts
        const [encoded] = await tokenizer.encode([pair === undefined ? { text } : { text, pair }])
        assert.deepEqual(encoded!.ids, ids, JSON.stringify(texts))
        assert.equal(await tokenizer.decode(ids, { skipSpecialTokens: false }), decoded, JSON.stringify(texts))
      }
    })
  }

  it('esm: lengths, special tokens and padding', async () => {
    const tokenizer = await Tokenizer.fromDir(join(golden, 'esm'))
    assert.equal(tokenizer.maxLength, 1024)
    assert.deepEqual(tokenizer.specialTokens, {
      eos: '<eos>',
      unk: '<unk>',
      pad: '<pad>',
      cls: '<cls>',
      mask: '<mask>',
    })
    assert.deepEqual(tokenizer.padding(), { side: 'right', padId: 1, padTypeId: 0 })
    const [encoded] = await tokenizer.encode([{ text: 'MK JJV' }], { maxLength: 5 })
    assert.deepEqual([encoded!.truncated, encoded!.ids.length, encoded!.offsets.at(-2)], [true, 5, [3, 5]])
  })
})
