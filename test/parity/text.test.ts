import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { ArgumentError } from '../../lib/errors.ts'
import { modelFolder } from '../../lib/setup/assets.ts'
import { padBatch, Tokenizer } from '../../lib/text/index.ts'
import { bpeFolder, type Compact, compact, type GoldenEncodings, readGolden, textInput } from './text-golden.ts'

interface Override {
  base: 'minilm' | 'bpe'
  change: Record<string, unknown>
  texts: string[]
  ids: number[][]
  offsets: number[][]
}

interface Settings {
  overrides: Override[]
  fileSettings: { inputs: string[][]; ids: number[][]; attentionMask: number[][] }
}

const inputs = readGolden<{ full: string[][]; cut: string[][] }>('inputs.json')
const settings = readGolden<Settings>('settings.json')

describe('text against Python', () => {
  const folders: string[] = []
  after(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  })

  /** A folder with some files of another, and some written anew. */
  function folderWith(source: string, copied: string[], written: Record<string, string> = {}): string {
    const folder = mkdtempSync(join(tmpdir(), 'bidora-text-'))
    folders.push(folder)
    for (const name of copied) cpSync(join(source, name), join(folder, name))
    for (const [name, content] of Object.entries(written)) writeFileSync(join(folder, name), content)
    return folder
  }

  function minilm(context: Mocha.Context): string {
    const folder = modelFolder()
    if (folder !== undefined) return folder
    console.log('      skipped: all-MiniLM-L6-v2 is not in the cache; run `npx bidora-torch setup`')
    return context.skip()
  }

  async function agree(tokenizer: Tokenizer, expected: GoldenEncodings): Promise<void> {
    const encoded = await tokenizer.encode(inputs.full.map(textInput), { truncation: false })
    encoded.forEach((one, i) => {
      assert.deepEqual(compact(one), expected.full[i], JSON.stringify(inputs.full[i]))
      assert.equal(one.length, one.ids.length)
      assert.equal(one.truncated, false)
    })
    const plain = await tokenizer.encode(inputs.full.map(textInput), { truncation: false, addSpecialTokens: false })
    plain.forEach((one, i) => {
      assert.deepEqual(compact(one).slice(0, 3), expected.withoutSpecialTokens[i], JSON.stringify(inputs.full[i]))
    })
    const idsOnly = await tokenizer.encode(inputs.full.map(textInput), { truncation: false, alignment: false })
    assert.deepEqual(
      idsOnly,
      encoded.map(({ ids, typeIds, length, truncated }) => ({ ids, typeIds, length, truncated })),
    )
  }

  async function agreeOnText(tokenizer: Tokenizer, expected: GoldenEncodings): Promise<void> {
    for (const [i, [ids]] of expected.full.entries()) {
      assert.equal(await tokenizer.decode(ids!), expected.decoded[i]![0])
      assert.equal(await tokenizer.decode(ids!, { skipSpecialTokens: false }), expected.decoded[i]![1])
    }
  }

  /** Cuts of one side; refusals of the library are refusals here. */
  async function agreeOnCuts(folder: string, side: 'left' | 'right', { cut }: GoldenEncodings): Promise<number> {
    const config = JSON.parse(readFileSync(join(folder, 'tokenizer_config.json'), 'utf8')) as Record<string, unknown>
    const changed = JSON.stringify({ ...config, truncation_side: side })
    const tokenizer = await Tokenizer.fromDir(
      folderWith(folder, ['tokenizer.json'], { 'tokenizer_config.json': changed }),
    )
    let cuts = 0
    for (const { input, truncation, maxLength, refused, expected } of cut.filter(one => one.side === side)) {
      const texts = inputs.cut[input]!
      const where = JSON.stringify([texts, truncation, maxLength])
      const encoding = tokenizer.encode([textInput(texts)], { truncation, maxLength })
      if (expected === undefined) {
        await assert.rejects(encoding, ArgumentError, `${where}: ${refused}`)
        continue
      }
      const [encoded] = await encoding
      assert.deepEqual(compact(encoded!).slice(0, expected.length), expected, where)
      assert.equal(encoded!.truncated, encoded!.length > maxLength, where)
      const [whole] = await tokenizer.encode([textInput(texts)], { truncation: false })
      assert.equal(encoded!.length, whole!.ids.length, where)
      cuts += encoded!.truncated ? 1 : 0
    }
    return cuts
  }

  const offsetsOf = (encoded: { offsets: number[][] }[]): number[][] => encoded.map(({ offsets }) => offsets.flat())

  describe('byte-level BPE', () => {
    const expected = readGolden<GoldenEncodings>('bpe.json')

    it('gives ids, type ids, offsets, word ids and masks of singles and pairs', async () => {
      await agree(await Tokenizer.fromDir(bpeFolder), expected)
    })

    it('decodes', async () => {
      await agreeOnText(await Tokenizer.fromDir(bpeFolder), expected)
    })

    it('cuts by every strategy on both sides', async () => {
      assert.ok((await agreeOnCuts(bpeFolder, 'right', expected)) > 100)
      assert.ok((await agreeOnCuts(bpeFolder, 'left', expected)) > 100)
    })

    it('is the same from vocab.json and merges.txt', async () => {
      const { model } = JSON.parse(readFileSync(join(bpeFolder, 'tokenizer.json'), 'utf8')) as {
        model: { vocab: Record<string, number>; merges: string[] }
      }
      const folder = folderWith(bpeFolder, ['tokenizer_config.json', 'special_tokens_map.json'], {
        'vocab.json': JSON.stringify(model.vocab),
        'merges.txt': ['#version: 0.2', ...model.merges, ''].join('\n'),
      })
      const tokenizer = await Tokenizer.fromDir(folder)
      await agree(tokenizer, expected)
      await agreeOnText(tokenizer, expected)
    })
  })

  describe('WordPiece of all-MiniLM-L6-v2', () => {
    const expected = readGolden<GoldenEncodings>('minilm.json')

    it('gives ids, type ids, offsets, word ids and masks of singles and pairs', async function () {
      await agree(await Tokenizer.fromDir(minilm(this)), expected)
    })

    it('decodes', async function () {
      await agreeOnText(await Tokenizer.fromDir(minilm(this)), expected)
    })

    it('cuts by every strategy on both sides', async function () {
      assert.ok((await agreeOnCuts(minilm(this), 'right', expected)) > 100)
      assert.ok((await agreeOnCuts(minilm(this), 'left', expected)) > 100)
    })

    it('is the same from vocab.txt', async function () {
      const folder = folderWith(minilm(this), ['vocab.txt', 'config.json'])
      const tokenizer = await Tokenizer.fromDir(folder)
      await agree(tokenizer, expected)
      await agreeOnText(tokenizer, expected)
    })

    it('uses truncation and padding of the file where asked to', async function () {
      const { inputs: texts, ids, attentionMask } = settings.fileSettings
      const tokenizer = await Tokenizer.fromDir(minilm(this), { useFileSettings: true })
      const batch = padBatch(await tokenizer.encode(texts.map(textInput)), tokenizer.padding())
      assert.deepEqual(batch.shape, [texts.length, 128])
      assert.deepEqual(Array.from(batch.inputIds, Number), ids.flat())
      assert.deepEqual(Array.from(batch.attentionMask, Number), attentionMask.flat())
    })
  })

  for (const { base, change, texts, ids, offsets } of settings.overrides) {
    it(`follows tokenizer_config.json as transformers does: ${base}, ${JSON.stringify(change)}`, async function () {
      const source = base === 'bpe' ? bpeFolder : minilm(this)
      const config = JSON.parse(readFileSync(join(source, 'tokenizer_config.json'), 'utf8')) as Record<string, unknown>
      const changed = JSON.stringify({ ...config, ...change })
      const folder = folderWith(source, ['tokenizer.json'], { 'tokenizer_config.json': changed })
      const encoded = await (await Tokenizer.fromDir(folder)).encode(texts.map(text => ({ text })))
      assert.deepEqual(
        encoded.map(one => one.ids),
        ids,
      )
      assert.deepEqual(offsetsOf(encoded), offsets)
    })
  }

  it('was made by the script that is committed', () => {
    const { scriptSha256 } = readGolden<{ scriptSha256: string }>('manifest.json')
    const script = readFileSync(resolve('test/golden/make/tokenizers.py'))
    assert.equal(createHash('sha256').update(script).digest('hex'), scriptSha256)
  })

  it('covers what it says', () => {
    const { full, cut } = readGolden<GoldenEncodings>('bpe.json')
    const lengths = (side: Compact[]): number => side.length
    assert.equal(lengths(full), inputs.full.length)
    assert.ok(inputs.full.filter(([, pair]) => pair !== undefined).length >= 30)
    assert.ok(cut.some(one => one.refused !== undefined))
  })
})
