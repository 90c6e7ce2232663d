import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FormatError } from '../../lib/errors.ts'
import { Tokenizer } from '../../lib/text/index.ts'
import { root } from './golden.ts'

interface Case {
  /** Settings of tokenizer_config.json that are other than in the folder. */
  config?: Record<string, boolean>
  texts: [text: string, pair?: string]
  ids: number[]
  decoded: string
}

const golden = join(root, 'test/golden/vocabularies')

/** The tokenizer of a golden folder, with other settings of its own and of the model's. */
async function opened(family: string, changes: object, modelChanges: object = {}): Promise<Tokenizer> {
  const folder = mkdtempSync(join(tmpdir(), 'bidora-vocabulary-'))
  cpSync(join(golden, family), folder, { recursive: true })
  const change = (name: string, to: object) => {
    const file = join(folder, name)
    const before = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as object) : {}
    writeFileSync(file, JSON.stringify({ ...before, ...to }))
  }
  change('tokenizer_config.json', changes)
  change('config.json', modelChanges)
  return Tokenizer.fromDir(folder).finally(() => rmSync(folder, { recursive: true }))
}

describe('parity: tokenizers from vocabularies', () => {
  for (const family of ['esm', 'deberta-v2', 'deberta-v2-json']) {
    const { cases } = JSON.parse(readFileSync(join(golden, `${family}.json`), 'utf8')) as { cases: Case[] }
    it(`${family}: the ids of transformers, and its texts of them`, async () => {
      assert.ok(cases.length > 15)
      const tokenizers = new Map<string, Tokenizer>()
      for (const { texts, ids, decoded, config = {} } of cases) {
        const key = JSON.stringify(config)
        const tokenizer = tokenizers.get(key) ?? (await opened(family, config))
        tokenizers.set(key, tokenizer)
        const [text, pair] = texts
        const [encoded] = await tokenizer.encode([pair === undefined ? { text } : { text, pair }])
        const what = JSON.stringify([texts, config])
        assert.deepEqual(encoded!.ids, ids, what)
        assert.equal(await tokenizer.decode(ids, { skipSpecialTokens: false }), decoded, what)
      }
    })
  }

  it('tells the texts of a pair by their types', async () => {
    for (const [family, pair, expected] of [
      ['esm', { text: 'MK', pair: 'AV' }, [0, 0, 0, 0, 1, 1, 1]],
      ['deberta-v2', { text: 'a', pair: 'b' }, [0, 0, 0, 1, 1]],
    ] as const) {
      const [encoded] = await (await Tokenizer.fromDir(join(golden, family))).encode([pair])
      assert.deepEqual(encoded!.typeIds, expected, family)
    }
  })

  it('esm: lengths, special tokens and padding', async () => {
    const tokenizer = await Tokenizer.fromDir(join(golden, 'esm'))
    assert.equal(tokenizer.maxLength, 1024)
    const absolute = await opened('esm', { model_max_length: undefined }, { position_embedding_type: 'absolute' })
    assert.equal(absolute.maxLength, 1024) // 1026 rows, those of ids up to the padding's are never used
    assert.equal((await opened('esm', { model_max_length: undefined }, {})).maxLength, 1026)
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

  it('deberta-v2: special tokens, the mask after the pieces, offsets', async () => {
    const tokenizer = await Tokenizer.fromDir(join(golden, 'deberta-v2'))
    assert.deepEqual(tokenizer.specialTokens, {
      unk: '[UNK]',
      sep: '[SEP]',
      pad: '[PAD]',
      cls: '[CLS]',
      mask: '[MASK]',
    })
    assert.equal(tokenizer.tokenToId('[MASK]'), 150)
    assert.deepEqual([tokenizer.maxLength, tokenizer.padding().padId], [512, 0])
    const text = 'The ﬁlm 😀'
    const [encoded] = await tokenizer.encode([{ text }])
    assert.equal(text.slice(...encoded!.offsets.at(-2)!), '😀')
  })

  it('deberta-v2: a file that is no Unigram model of SentencePiece is refused', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bidora-vocabulary-'))
    const refused = async (spm: Uint8Array, message: RegExp) => {
      writeFileSync(join(folder, 'spm.model'), spm)
      await assert.rejects(
        Tokenizer.fromDir(folder),
        error => error instanceof FormatError && message.test(error.message),
      )
    }
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ model_type: 'deberta-v2' }))
    const whole = readFileSync(join(golden, 'deberta-v2/spm.model'))
    await refused(new Uint8Array(), /spm\.model: expected a model of SentencePiece, got a fault \(no pieces\)/)
    await refused(whole.subarray(0, -3), /got a fault \(an end before its time\)/)
    await refused(Buffer.from('{"a": 1}'), /got a fault/)
    await refused(Uint8Array.of(...new Array<number>(12).fill(0xff), 1), /a number of more than ten bytes/)
    // Fields of eight bytes are passed over.
    writeFileSync(join(folder, 'spm.model'), Buffer.concat([whole, Uint8Array.of(0x79, 1, 2, 3, 4, 5, 6, 7, 0xff)]))
    assert.equal((await Tokenizer.fromDir(folder)).tokenToId('[MASK]'), 150)
    const piece = [0x0a, 3, 0x0a, 1, 0x61]
    await refused(Uint8Array.from([...piece, 0x12, 2, 0x18, 2]), /expected a Unigram model \(1\), got one of type 2/)
    await refused(Uint8Array.from(piece), /expected the cls token \[CLS\], got 2 tokens without it/)
    rmSync(folder, { recursive: true })
  })
})
