import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ArgumentError, ConfigError, FormatError } from '../../../lib/errors.ts'
import { Tokenizer } from '../../../lib/text/index.ts'
import { bpeFolder } from '../../parity/text-golden.ts'
import { bpeFolderWith, folderOf, removeFolders, vocabLines } from './folders.ts'

function parsedBpe(): { added_tokens: { content: string }[] } & Record<string, unknown> {
  return JSON.parse(readFileSync(join(bpeFolder, 'tokenizer.json'), 'utf8'))
}

const refused = (folder: string, kind: typeof FormatError | typeof ConfigError, message: RegExp): Promise<void> =>
  assert.rejects(Tokenizer.fromDir(folder), error => error instanceof kind && message.test(error.message))

describe('Tokenizer', () => {
  after(removeFolders)

  it('knows its vocabulary', async () => {
    const tokenizer = await Tokenizer.fromDir(bpeFolder)
    assert.equal(tokenizer.vocabSize, 1100)
    assert.equal(tokenizer.tokenToId('<mask>'), 4)
    assert.equal(tokenizer.idToToken(4), '<mask>')
    assert.equal(tokenizer.tokenToId('no such token'), null)
    for (const id of [1100, -1, 0.5, Number.NaN, 2 ** 40]) assert.equal(tokenizer.idToToken(id), null)
    assert.deepEqual(tokenizer.specialTokens, {
      bos: '<s>',
      eos: '</s>',
      unk: '<unk>',
      sep: '</s>',
      pad: '<pad>',
      cls: '<s>',
      mask: '<mask>',
    })
    assert.deepEqual(tokenizer.padding(), { side: 'right', padId: 1, padTypeId: 0 })
  })

  describe('maximum length', () => {
    const maxLength = async (config: object, model?: object): Promise<number | null> =>
      (
        await Tokenizer.fromDir(
          bpeFolderWith({ 'tokenizer_config.json': config, ...(model && { 'config.json': model }) }),
        )
      ).maxLength

    it('comes from tokenizer_config.json or from the positions of the model, the lower of both', async () => {
      assert.equal(await maxLength({ model_max_length: 77 }), 77)
      assert.equal(await maxLength({}), null)
      assert.equal(
        await maxLength({ model_max_length: 512 }, { model_type: 'bert', max_position_embeddings: 128 }),
        128,
      )
      assert.equal(await maxLength({ model_max_length: 64 }, { model_type: 'bert', max_position_embeddings: 128 }), 64)
      assert.equal(await maxLength({}, { model_type: 'gpt2', n_positions: 1024 }), 1024)
    })

    it('takes 1e30 for no limit', async () => {
      assert.equal(await maxLength({ model_max_length: 1e30 }), null)
      const folder = bpeFolderWith({ 'tokenizer_config.json': '{"model_max_length": 1000000000000000019884624838656}' })
      assert.equal((await Tokenizer.fromDir(folder)).maxLength, null)
      assert.equal(
        await maxLength({ model_max_length: 1e30 }, { model_type: 'bert', max_position_embeddings: 512 }),
        512,
      )
    })

    it('leaves out the positions that RoBERTa never uses', async () => {
      const model = { model_type: 'roberta', max_position_embeddings: 514, pad_token_id: 1 }
      assert.equal(await maxLength({}, model), 512)
      assert.equal(await maxLength({}, { ...model, model_type: 'xlm-roberta' }), 512)
    })

    it('is read from another folder for an adapter', async () => {
      const modelDir = folderOf({ 'config.json': { model_type: 'bert', max_position_embeddings: 100 } })
      const folder = bpeFolderWith({ 'tokenizer_config.json': {} })
      assert.equal((await Tokenizer.fromDir(folder, { modelDir })).maxLength, 100)
    })
  })

  describe('padding', () => {
    it('follows tokenizer_config.json and config.json', async () => {
      const config = { padding_side: 'left', pad_token_type_id: 3, pad_token: '</s>' }
      const tokenizer = await Tokenizer.fromDir(bpeFolderWith({ 'tokenizer_config.json': config }))
      assert.deepEqual(tokenizer.padding(), { side: 'left', padId: 2, padTypeId: 3 })
    })

    it('takes the ending token on the right where there is no pad token', async () => {
      const without = async (config: object, model: object = {}) => {
        const own = { 'tokenizer_config.json': { pad_token: null, ...config }, 'special_tokens_map.json': {} }
        return (await Tokenizer.fromDir(bpeFolderWith({ ...own, 'config.json': model }))).padding()
      }
      assert.deepEqual(await without({ eos_token: '</s>' }), { side: 'right', padId: 2, padTypeId: 0 })
      assert.equal((await without({ eos_token: '</s>' }, { eos_token_id: [9, 2] })).padId, 9)
      assert.equal((await without({ eos_token: null, unk_token: '<unk>' })).padId, 3)
      assert.equal((await without({ eos_token: null, unk_token: null }, { eos_token_id: 50256 })).padId, 0) // no token of its vocabulary
    })

    it('on the left is refused where there is no pad token', async () => {
      const files = {
        'tokenizer_config.json': { pad_token: null, padding_side: 'left' },
        'special_tokens_map.json': {},
      }
      const tokenizer = await Tokenizer.fromDir(bpeFolderWith(files))
      assert.equal(tokenizer.specialTokens.pad, undefined)
      assert.throws(
        () => tokenizer.padding(),
        (error: unknown) => error instanceof ConfigError && /pad token.*"pad_token"/.test(error.message),
      )
      const withModel = await Tokenizer.fromDir(bpeFolderWith({ ...files, 'config.json': { pad_token_id: 7 } }))
      assert.equal(withModel.padding().padId, 7)
    })

    it('and truncation of tokenizer.json count only where asked for', async () => {
      const folder = bpeFolderWith({
        'tokenizer.json': {
          ...parsedBpe(),
          truncation: { max_length: 6, strategy: 'OnlyFirst', direction: 'Left', stride: 0 },
          padding: {
            strategy: 'BatchLongest',
            direction: 'Left',
            pad_to_multiple_of: 8,
            pad_id: 1,
            pad_type_id: 0,
            pad_token: '<pad>',
          },
        },
      })
      const text = { text: 'the film is dull and loud', pair: 'x' }
      const plain = await Tokenizer.fromDir(folder)
      assert.equal((await plain.encode([text]))[0]!.truncated, false)
      assert.deepEqual(plain.padding(), { side: 'right', padId: 1, padTypeId: 0 })
      const asked = await Tokenizer.fromDir(folder, { useFileSettings: true })
      const [cut] = await asked.encode([text])
      assert.equal(cut!.ids.length, 6)
      assert.equal(text.text.slice(...cut!.offsets[1]!), 'loud')
      assert.deepEqual(asked.padding(), { side: 'left', padId: 1, padTypeId: 0, multipleOf: 8 })
    })
  })

  describe('special tokens', () => {
    it('that are declared are matched in texts even where tokenizer.json forgot them', async () => {
      const parsed = parsedBpe()
      const files = {
        'tokenizer.json': { ...parsed, added_tokens: parsed.added_tokens.filter(token => token.content !== '<mask>') },
      }
      const tokenizer = await Tokenizer.fromDir(bpeFolderWith(files))
      const expected = await (await Tokenizer.fromDir(bpeFolder)).encode([{ text: 'hello <mask> world' }])
      assert.deepEqual(await tokenizer.encode([{ text: 'hello <mask> world' }]), expected)
    })

    it('that the vocabulary lacks are no tokens', async () => {
      const config = { mask_token: '[NOWHERE]', pad_token: { content: '<pad>' }, cls_token: 5 }
      const tokenizer = await Tokenizer.fromDir(bpeFolderWith({ 'tokenizer_config.json': config }))
      assert.equal(tokenizer.specialTokens.mask, undefined)
      assert.equal(tokenizer.specialTokens.cls, undefined)
      assert.equal(tokenizer.specialTokens.pad, '<pad>')
      assert.equal(tokenizer.vocabSize, 1100)
    })
  })

  describe('save', () => {
    it('writes every file unchanged, whatever became of the source', async () => {
      const source = bpeFolderWith({
        'added_tokens.json': {},
        'unrelated.bin': 'x',
        'config.json': { model_type: 'roberta' },
      })
      const before = readFileSync(join(source, 'tokenizer.json'))
      const tokenizer = await Tokenizer.fromDir(source)
      writeFileSync(join(source, 'tokenizer.json'), 'broken since')
      const target = join(folderOf({}), 'deep', 'adapter')
      await tokenizer.save(target)
      assert.deepEqual(readdirSync(target).sort(), [
        'added_tokens.json',
        'special_tokens_map.json',
        'tokenizer.json',
        'tokenizer_config.json',
      ])
      assert.deepEqual(readFileSync(join(target, 'tokenizer.json')), before)
      const again = await Tokenizer.fromDir(target)
      const text = [{ text: 'a <mask> 😀', pair: 'x' }]
      assert.deepEqual(await again.encode(text), await tokenizer.encode(text))
      await again.save(target) // onto itself
      assert.deepEqual(readFileSync(join(target, 'tokenizer.json')), before)
    })

    it('is refused where no folder can be', async () => {
      const tokenizer = await Tokenizer.fromDir(bpeFolder)
      const folder = folderOf({ file: 'x' })
      await assert.rejects(tokenizer.save(join(folder, 'file')), FormatError)
      mkdirSync(join(folder, 'tokenizer.json'))
      await assert.rejects(tokenizer.save(folder), FormatError)
      assert.deepEqual(
        readdirSync(folder).filter(name => name.endsWith('.partial')),
        [],
      )
    })
  })

  describe('decode', () => {
    it('refuses numbers that are no ids', async () => {
      const tokenizer = await Tokenizer.fromDir(bpeFolder)
      for (const wrong of [-1, 1.5, Number.NaN, 2 ** 32])
        await assert.rejects(tokenizer.decode([5, wrong]), ArgumentError)
      assert.equal(await tokenizer.decode([]), '')
      assert.equal(await tokenizer.decode([99_999]), '')
    })
  })

  describe('refuses', () => {
    it('a folder that is none', async () => {
      await refused(join(bpeFolder, 'nowhere'), FormatError, /expected a folder at .*nowhere, got nothing there/)
      await refused(join(bpeFolder, 'tokenizer.json'), FormatError, /got a file/)
    })

    it('a folder without a tokenizer', async () => {
      await refused(
        folderOf({ 'config.json': {} }),
        FormatError,
        /expected tokenizer\.json in .*, got no tokenizer file/,
      )
    })

    it('broken files', async () => {
      const broken = (content: string | Uint8Array | object): string => folderOf({ 'tokenizer.json': content })
      await refused(broken('{"version": "1.0", "mod'), FormatError, /tokenizer\.json: expected JSON/)
      await refused(broken(''), FormatError, /expected JSON/)
      await refused(broken([]), FormatError, /expected a JSON object, got a list/)
      await refused(broken(Uint8Array.of(0x7b, 0xff, 0x7d)), FormatError, /expected UTF-8/)
      await refused(
        broken({}),
        FormatError,
        /expected a tokenizer of the tokenizers library, got a fault \(Model missing/,
      )
      await refused(broken({ ...parsedBpe(), model: { type: 'Nonsense' } }), FormatError, /got a fault/)
      await refused(broken({ ...parsedBpe(), pre_tokenizer: { type: 'Nonsense' } }), FormatError, /got a fault/)
      await refused(
        bpeFolderWith({ 'tokenizer_config.json': '{' }),
        FormatError,
        /tokenizer_config\.json: expected JSON/,
      )
      await refused(bpeFolderWith({ 'special_tokens_map.json': '[]' }), FormatError, /special_tokens_map\.json/)
      await refused(
        bpeFolderWith({ 'config.json': 'null' }),
        FormatError,
        /config\.json: expected a JSON object, got null/,
      )
    })

    it('a side that is none', async () => {
      const config = { padding_side: 'middle' }
      await refused(
        bpeFolderWith({ 'tokenizer_config.json': config }),
        ConfigError,
        /padding_side 'left' or 'right', got "middle"/,
      )
    })

    it('a file that is a folder', async () => {
      const folder = folderOf({})
      mkdirSync(join(folder, 'tokenizer.json'))
      await refused(folder, FormatError, /tokenizer\.json: expected a file that can be read, got a folder/)
    })
  })

  it('reads a vocabulary that ends its lines as Windows does', async () => {
    const config = { model_type: 'bert' }
    const encode = async (vocab: string): Promise<number[]> => {
      const tokenizer = await Tokenizer.fromDir(folderOf({ 'vocab.txt': vocab, 'config.json': config }))
      return (await tokenizer.encode([{ text: 'A fine café films.' }]))[0]!.ids
    }
    const expected = [2, 5, 6, 11, 12, 7, 8, 10, 3]
    assert.deepEqual(await encode(vocabLines.join('\n')), expected)
    assert.deepEqual(await encode(vocabLines.join('\r\n') + '\r\n'), expected)
  })
})
