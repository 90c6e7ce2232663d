import assert from 'node:assert/strict'
import { AbortError, ArgumentError } from '../../../lib/errors.ts'
import { type TextInput, Tokenizer, truncationReport } from '../../../lib/text/index.ts'
import { bpeFolder } from '../../parity/text-golden.ts'
import { bpeFolderWith, removeFolders } from './folders.ts'

const wrongInput = (value: unknown): readonly TextInput[] => value as readonly TextInput[]

describe('encode', () => {
  let tokenizer: Tokenizer
  before(async () => {
    tokenizer = await Tokenizer.fromDir(bpeFolder)
  })
  after(removeFolders)

  const one = async (text: string, pair?: string) =>
    (await tokenizer.encode([pair === undefined ? { text } : { text, pair }]))[0]!

  describe('offsets', () => {
    it('slice JavaScript strings, each sequence its own', async () => {
      const text = '😀 film 𝐁 漢字 end'
      const pair = 'second 👍🏽 text'
      const encoded = await one(text, pair)
      for (const [sequence, own] of [
        [0, text],
        [1, pair],
      ] as const) {
        const spans = encoded.offsets.filter((_, i) => encoded.sequenceIds[i] === sequence)
        const covered = new Set(
          spans.flatMap(([start, end]) => Array.from({ length: end - start }, (_, i) => start + i)),
        )
        const missed = Array.from(own, (unit, i) => (own[i] === ' ' || covered.has(i) ? '' : unit)).join('')
        assert.equal(missed, '', 'every character but blanks belongs to a token')
        assert.equal(Math.max(...spans.flat()), own.length)
      }
      const film = encoded.wordIds.flatMap((word, i) =>
        word === 1 && encoded.sequenceIds[i] === 0 ? [encoded.offsets[i]!] : [],
      )
      assert.equal(text.slice(film[0]![0], film.at(-1)![1]), 'film')
    })

    it('are zero for special tokens', async () => {
      const encoded = await one('😀 a', 'b')
      encoded.specialTokensMask.forEach((special, i) => {
        if (special === 1) assert.deepEqual(encoded.offsets[i], [0, 0])
        assert.equal(encoded.sequenceIds[i] === null, special === 1)
      })
    })
  })

  describe('odd texts', () => {
    it('takes lone surrogates for U+FFFD', async () => {
      const pairs = [
        ['a\ud800b', 'a\ufffdb'],
        ['\udc00', '\ufffd'],
        ['x\udfff\ud800', 'x\ufffd\ufffd'],
        ['\ud83d \ude00', '\ufffd \ufffd'],
      ]
      for (const [lone, replaced] of pairs) assert.deepEqual(await one(lone!), await one(replaced!))
      const encoded = await one('😀\ud800😀')
      assert.equal(Math.max(...encoded.offsets.flat()), 5)
    })

    it('takes NUL and control characters', async () => {
      const encoded = await one('a\0b\x01\x7f\x9f')
      assert.deepEqual(await tokenizer.decode(encoded.ids), 'a\0b\x01\x7f\x9f')
      assert.equal(Math.max(...encoded.offsets.flat()), 6)
    })

    it('gives special tokens alone for an empty text, and nothing without them', async () => {
      assert.deepEqual((await one('')).ids, [0, 2])
      assert.deepEqual((await one('', '')).ids, [0, 2, 2, 2])
      const [bare] = await tokenizer.encode([{ text: '' }], { addSpecialTokens: false })
      assert.deepEqual(bare!.ids, [])
    })

    it('cuts texts of a megabyte, both of a pair too', async () => {
      const text = 'the film 😀 is dull. '.repeat(50_000)
      const [single] = await tokenizer.encode([{ text }], { maxLength: 128 })
      assert.equal(single!.ids.length, 128)
      assert.ok(single!.truncated && single!.length > 250_000)
      const part = text.slice(0, 200_000)
      const [paired] = await tokenizer.encode([{ text: part, pair: part }], { maxLength: 128 })
      assert.equal(paired!.ids.length, 128)
      assert.ok(paired!.length > 100_000)
      const [word] = await tokenizer.encode([{ text: 'x'.repeat(1 << 18) }], { maxLength: 16 })
      assert.equal(word!.ids.length, 16)
    })

    it('takes no texts', async () => {
      assert.deepEqual(await tokenizer.encode([]), [])
    })
  })

  describe('many at once', () => {
    const texts = Array.from({ length: 1000 }, (_, i) => ({ text: `text number ${i} ${'again '.repeat(i % 40)}` }))

    it('keeps the order', async () => {
      const encoded = await tokenizer.encode(texts)
      for (const i of [0, 63, 64, 511, 999]) {
        assert.deepEqual(encoded[i], (await tokenizer.encode([texts[i]!]))[0])
        assert.match(await tokenizer.decode(encoded[i]!.ids), new RegExp(`^text number ${i} `))
      }
    })

    it('keeps calls with different settings apart', async () => {
      const lengths = [4, 8, 16, 200]
      const all = await Promise.all(lengths.map(maxLength => tokenizer.encode(texts, { maxLength })))
      for (const [k, maxLength] of lengths.entries()) {
        all[k]!.forEach(({ ids, length, truncated }) => {
          assert.equal(ids.length, Math.min(length, maxLength))
          assert.equal(truncated, length > maxLength)
        })
      }
    })

    it('lets the event loop run in between', async () => {
      let turns = 0
      let isDone = false
      const turn = (): void => {
        turns += 1
        if (!isDone) setImmediate(turn)
      }
      setImmediate(turn)
      await tokenizer.encode(texts)
      isDone = true
      assert.ok(turns >= texts.length / 64, `${turns} turns`)
    })

    it('counts what was cut', async () => {
      const report = truncationReport(await tokenizer.encode(texts, { maxLength: 20 }))
      const whole = await tokenizer.encode(texts)
      assert.equal(report.texts, 1000)
      assert.equal(report.truncated, whole.filter(({ ids }) => ids.length > 20).length)
      assert.equal(report.longest, Math.max(...whole.map(({ ids }) => ids.length)))
      assert.deepEqual(truncationReport([]), { texts: 0, truncated: 0, longest: 0 })
    })

    it('stops at its signal', async () => {
      const controller = new AbortController()
      const encoding = tokenizer.encode(texts, { signal: controller.signal })
      controller.abort()
      await assert.rejects(encoding, AbortError)
      await assert.rejects(tokenizer.encode(texts, { signal: AbortSignal.abort() }), /after 0 of 1000/)
    })
  })

  it('cuts at the length of the folder where none is given', async () => {
    const short = await Tokenizer.fromDir(bpeFolderWith({ 'tokenizer_config.json': { model_max_length: 9 } }))
    const [cut] = await short.encode([{ text: 'word '.repeat(40) }])
    assert.equal(cut!.ids.length, 9)
    const [whole] = await short.encode([{ text: 'word '.repeat(40) }], { truncation: false })
    assert.ok(whole!.ids.length > 40)
    const [longer] = await short.encode([{ text: 'word '.repeat(40) }], { maxLength: 30 })
    assert.equal(longer!.ids.length, 30)
  })

  it('gives plain data that other threads can be sent', async () => {
    const encoded = await one('a 😀', 'b')
    assert.deepEqual(structuredClone(encoded), encoded)
    assert.deepEqual(Object.keys((await tokenizer.encode([{ text: 'a' }], { alignment: false }))[0]!), [
      'ids',
      'typeIds',
      'length',
      'truncated',
    ])
  })

  describe('refuses', () => {
    const refused = (inputs: unknown, message: RegExp, options = {}): Promise<void> =>
      assert.rejects(
        tokenizer.encode(wrongInput(inputs), options),
        error => error instanceof ArgumentError && message.test(error.message),
      )

    it('anything but texts, with its place', async () => {
      await refused('a text', /expected a list of \{ text, pair\? \}, got string/)
      await refused(undefined, /got undefined/)
      await refused([{ text: 'a' }, 'b'], /text 1: expected \{ text: string \}, got string/)
      await refused([{ text: 'a' }, null], /text 1: .*got null/)
      await refused([{ text: 7 }], /text 0: .*got text: number/)
      await refused([{}], /text 0: .*got text: undefined/)
      await refused([{ text: 'a', pair: null }], /text 0: expected pair to be a string or left out, got null/)
      await refused([{ text: 'a', pair: ['b'] }], /got a list/)
    })

    it('a maximum length without room for a token', async () => {
      for (const maxLength of [2, 0, -1, 3.5, Number.NaN, Number.POSITIVE_INFINITY, '128']) {
        await refused([{ text: 'a' }], /maxLength to be a whole number from 3 /, { maxLength })
      }
      await refused([{ text: 'a' }, { text: 'a', pair: 'b' }], /from 5 /, { maxLength: 4 })
      await refused([{ text: 'a' }], /from 1 /, { maxLength: 0, addSpecialTokens: false })
    })

    it('a truncation that is none or cannot do it', async () => {
      const long = 'word '.repeat(20)
      await refused([{ text: 'a' }], /expected truncation 'longest_first'.* or false, got true/, { truncation: true })
      await refused([{ text: 'a' }, { text: long }], /text 1: expected a pair to cut/, {
        truncation: 'only_second',
        maxLength: 9,
      })
      await refused([{ text: 'a', pair: long }], /text 0: expected a first text longer than/, {
        truncation: 'only_first',
        maxLength: 9,
      })
      await refused([{ text: long, pair: 'a' }], /expected a second text longer than/, {
        truncation: 'only_second',
        maxLength: 9,
      })
    })
  })
})
