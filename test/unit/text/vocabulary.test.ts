import assert from 'node:assert/strict'
import { FormatError } from '../../../lib/errors.ts'
import { debertaTokenizer } from '../../../lib/text/deberta-vocabulary.ts'
import { Tokenizer } from '../../../lib/text/index.ts'
import { folderOf, removeFolders, vocabLines } from './folders.ts'

const vocabText = vocabLines.join('\n') + '\n'

async function idsOf(files: Record<string, string | object>, text: string): Promise<number[]> {
  const tokenizer = await Tokenizer.fromDir(folderOf(files))
  return (await tokenizer.encode([{ text }]))[0]!.ids
}

const refused = (files: Record<string, string | object>, message: RegExp): Promise<void> =>
  assert.rejects(
    Tokenizer.fromDir(folderOf(files)),
    error => error instanceof FormatError && message.test(error.message),
  )

describe('a tokenizer from its vocabulary', () => {
  after(removeFolders)

  describe('of BERT', () => {
    it('is found by class or by model type', async () => {
      const expected = [2, 5, 6, 7, 3]
      for (const model_type of ['bert', 'distilbert', 'electra']) {
        assert.deepEqual(
          await idsOf({ 'vocab.txt': vocabText, 'config.json': { model_type } }, 'a fine film'),
          expected,
        )
      }
      for (const tokenizer_class of ['BertTokenizer', 'BertTokenizerFast', 'DistilBertTokenizer']) {
        const files = { 'vocab.txt': vocabText, 'tokenizer_config.json': { tokenizer_class } }
        assert.deepEqual(await idsOf(files, 'a fine film'), expected)
      }
    })

    it('follows its settings', async () => {
      const files = (config: object) => ({
        'vocab.txt': vocabText,
        'config.json': { model_type: 'bert' },
        'tokenizer_config.json': config,
      })
      assert.deepEqual(await idsOf(files({}), 'A Café [MASK]'), [2, 5, 11, 12, 4, 3])
      assert.deepEqual(await idsOf(files({ do_lower_case: false }), 'A a'), [2, 1, 5, 3])
      assert.deepEqual(await idsOf(files({ strip_accents: false }), 'a café'), [2, 5, 1, 3])
      const tokenizer = await Tokenizer.fromDir(folderOf(files({ cls_token: 'a', sep_token: { content: '.' } })))
      assert.deepEqual((await tokenizer.encode([{ text: 'fine', pair: 'film' }]))[0]!.ids, [5, 6, 10, 7, 10])
      assert.deepEqual(tokenizer.specialTokens, { unk: '[UNK]', sep: '.', pad: '[PAD]', cls: 'a', mask: '[MASK]' })
    })

    it('has the tokens that were added later', async () => {
      const byId = {
        tokenizer_class: 'BertTokenizer',
        added_tokens_decoder: {
          13: { content: '[NEW]', special: true },
          4: { content: '[MASK]', lstrip: true, special: true },
        },
      }
      assert.deepEqual(
        await idsOf({ 'vocab.txt': vocabText, 'tokenizer_config.json': byId }, 'a [NEW] film'),
        [2, 5, 13, 7, 3],
      )
      const byName = { 'vocab.txt': vocabText, 'config.json': { model_type: 'bert' }, 'added_tokens.json': { new: 13 } }
      assert.deepEqual(await idsOf(byName, 'a new film'), [2, 5, 13, 7, 3])
    })

    it('is refused without its special tokens', async () => {
      const model = { 'config.json': { model_type: 'bert' } }
      await refused(
        { ...model, 'vocab.txt': vocabText.replace('[SEP]\n', '') },
        /vocab\.txt: expected the sep token \[SEP\], got 12 tokens without it/,
      )
      await refused({ ...model, 'vocab.txt': '' }, /expected the cls token/)
    })
  })

  describe('of RoBERTa', () => {
    const vocab = { '<s>': 0, '<pad>': 1, '</s>': 2, '<unk>': 3, a: 4, b: 5, Ġ: 6, ab: 7, Ġab: 8, '<mask>': 9 }
    const merges = '#version: 0.2\na b\nĠ ab\n'
    const model = { 'config.json': { model_type: 'roberta' } }

    it('is made of vocab.json and merges.txt', async () => {
      assert.deepEqual(
        await idsOf({ ...model, 'vocab.json': vocab, 'merges.txt': merges }, 'ab ab a<mask>'),
        [0, 7, 8, 6, 4, 9, 2],
      )
      const config = { add_prefix_space: true }
      assert.deepEqual(
        await idsOf({ ...model, 'vocab.json': vocab, 'merges.txt': merges, 'tokenizer_config.json': config }, 'ab'),
        [0, 8, 2],
      )
    })

    it('keeps tokens that JavaScript objects have plans for', async () => {
      const odd = `{"<s>":0,"<pad>":1,"</s>":2,"_":3,"p":4,"__":5,"__proto__":6,"1":7}`
      const tokenizer = await Tokenizer.fromDir(folderOf({ ...model, 'vocab.json': odd, 'merges.txt': '_ _\n' }))
      assert.equal(tokenizer.tokenToId('__proto__'), 6)
      assert.equal(tokenizer.tokenToId('1'), 7)
      assert.equal(tokenizer.tokenToId('constructor'), null)
    })

    it('is refused where its files are broken or one is missing', async () => {
      await refused(
        { ...model, 'vocab.json': vocab },
        /expected tokenizer\.json .*, got vocab\.json of a 'roberta' tokenizer/,
      )
      await refused(
        { ...model, 'vocab.json': vocab, 'merges.txt': 'a b\na b c\n' },
        /merges\.txt: expected two parts in line 2, got "a b c"/,
      )
      await refused(
        { ...model, 'vocab.json': vocab, 'merges.txt': 'a z\n' },
        /vocab\.json and merges\.txt: expected a tokenizer/,
      )
      await refused(
        { ...model, 'vocab.json': { a: 'x', b: -1 }, 'merges.txt': merges },
        /whole number from 0 for each token, got \{"a":"x","b":-1\}/,
      )
    })
  })

  it('of DeBERTa goes by the settings of its SentencePiece model', () => {
    const field = (number: number, bytes: readonly number[]) => [8 * number + 2, bytes.length, ...bytes]
    const pieces = ['[PAD]', '[CLS]', '[SEP]', 'a', '[UNK]'].flatMap(piece =>
      field(1, field(1, [...Buffer.from(piece)])),
    )
    // Numbers of the trainer's fields from 16 on take two bytes: 35 (byte fallback) and 40 (the unknown piece).
    const trainer = (fallback: number) => field(2, [0x98, 0x02, fallback, 0xc0, 0x02, 4])
    const normalizer = (prefix: number) => field(3, [0x18, prefix])
    for (const on of [false, true]) {
      const bytes = Buffer.from([...pieces, ...trainer(Number(on)), ...normalizer(Number(on))])
      const { model, decoder } = debertaTokenizer({ dir: 'dir', contents: new Map([['spm.model', bytes]]) })
      const { byte_fallback, unk_id } = model as Record<string, unknown>
      assert.deepEqual([byte_fallback, unk_id], [on, 4])
      assert.equal((decoder as Record<string, unknown>).prepend_scheme, on ? 'always' : 'never')
    }
  })

  it('of ESM takes the longest of its tokens', async () => {
    const files = { 'vocab.txt': '<cls>\n<pad>\n<eos>\n<unk>\n<mask>\nA\nAB\n', 'config.json': { model_type: 'esm' } }
    assert.deepEqual(await idsOf(files, 'ABA'), [0, 6, 5, 2])
  })

  it('of ESM is refused without its special tokens', () =>
    refused(
      { 'vocab.txt': '<pad>\n<cls>\n<unk>\nM\n', 'config.json': { model_type: 'esm' } },
      /vocab\.txt: expected the eos token <eos>, got 4 tokens without it/,
    ))

  it('of another family is refused: its rules would be wrong', async () => {
    await refused(
      { 'vocab.txt': vocabText, 'config.json': { model_type: 'mpnet' } },
      /got vocab\.txt of a 'mpnet' tokenizer; add the file, or write it in Python/,
    )
    await refused({ 'vocab.txt': vocabText, 'tokenizer_config.json': { tokenizer_class: 'MPNetTokenizer' } }, /'mpnet'/)
    await refused({ 'vocab.txt': vocabText }, /got vocab\.txt; add the file/)
    await refused({ 'vocab.json': '{}', 'merges.txt': '', 'config.json': { model_type: 'gpt2' } }, /'gpt2'/)
  })
})
