import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { AbortError, ArgumentError } from '../../../lib/errors.ts'
import { findModel } from '../../../lib/setup/assets.ts'
import { joinWindows, joinWords, labelTokens, splitWords, Tokenizer, wordsWithTokens } from '../../../lib/text/index.ts'
import { bpeFolder } from '../../parity/text-golden.ts'
import { bpeFolderWith, folderOf, removeFolders, vocabLines } from './folders.ts'

interface Case {
  tokenizer: 'minilm' | 'bpe'
  words: string[]
  labels: number[]
  ids: number[]
  typeIds: number[]
  wordIds: (number | null)[]
  tokenLabels: number[]
}

const { cases } = JSON.parse(readFileSync(resolve('test/golden/words/cases.json'), 'utf8')) as { cases: Case[] }

describe('words', () => {
  let minilm: Tokenizer
  let bpe: Tokenizer
  before(async () => {
    minilm = await Tokenizer.fromDir(findModel())
    bpe = await Tokenizer.fromDir(bpeFolder)
  })
  after(removeFolders)

  for (const name of ['minilm', 'bpe'] as const) {
    it(`become the tokens that transformers makes of them (${name})`, async () => {
      const own = cases.filter(({ tokenizer }) => tokenizer === name)
      assert.ok(own.length >= 24)
      const encoded = await (name === 'minilm' ? minilm : bpe).encodeWords(own.map(({ words }) => words))
      for (const [index, { words, labels, ...expected }] of own.entries()) {
        const sentence = encoded[index]!
        const [window] = sentence.windows
        const where = words.join(' ')
        assert.equal(sentence.windows.length, 1, where)
        assert.deepEqual(window!.ids, expected.ids, where)
        assert.deepEqual(window!.typeIds, expected.typeIds, where)
        assert.deepEqual(window!.wordIds, expected.wordIds, where)
        assert.deepEqual(labelTokens(window!, labels), expected.tokenLabels, where)
        assert.deepEqual(
          [sentence.ids, sentence.length, sentence.truncated],
          [expected.ids, expected.ids.length, false],
        )
        assert.deepEqual(wordsWithTokens(sentence), [...new Set(expected.wordIds.filter(word => word !== null))], where)
      }
    })
  }

  it('of a long sentence lie in windows that join to what the whole would give', async () => {
    const words = cases
      .filter(({ tokenizer }) => tokenizer === 'minilm')
      .flatMap(kase => kase.words.filter(w => w.length < 40))
    const [whole] = await minilm.encodeWords([words], { maxLength: 100_000 })
    const pieces = (word: number) => whole!.windows[0]!.wordIds.filter(id => id === word).length
    const limits = [
      [128, 32],
      [64, 0],
      [40, 20],
      [40, 36],
      [20, 3],
      [128, 127],
    ] as const
    for (const [maxLength, stride] of limits) {
      const [sentence] = await minilm.encodeWords([words], { maxLength, stride })
      const { windows } = sentence!
      const where = `${maxLength}, ${stride}`
      assert.ok(windows.length > 4, where)
      const values = windows.map(({ ids, wordIds }) => ids.map((id, place) => `${wordIds[place]}:${id}`))
      const first = (word: number) => whole!.ids[whole!.windows[0]!.wordIds.indexOf(word)]
      const expected = words.map((_, word) => (pieces(word) === 0 ? undefined : `${word}:${first(word)}`))
      assert.deepEqual(joinWindows(sentence!, values), expected, where)
      for (const [index, window] of windows.entries()) {
        const inside = window.wordIds.filter(word => word !== null)
        assert.ok(window.ids.length <= maxLength, where)
        assert.deepEqual([window.ids[0], window.ids.at(-1)], [101, 102], where)
        for (const word of new Set(inside)) assert.equal(inside.filter(id => id === word).length, pieces(word), where)
        const before = new Set(windows[index - 1]?.wordIds)
        const shared = inside.filter(word => before.has(word)).length
        assert.ok(shared <= stride, `${where}: ${shared} shared`)
        // Nothing is left out for no reason: the next word would not have fitted.
        const next = windows[index + 1]?.wordIds.find(word => word !== null && !inside.includes(word))
        if (next != null) assert.ok(window.ids.length + pieces(next) > maxLength, where)
      }
    }
  })

  it('are answered for by the window that shows more on their nearer side', async () => {
    const tokenizer = await Tokenizer.fromDir(
      folderOf({ 'vocab.txt': vocabLines.join('\n'), 'config.json': { model_type: 'bert' } }),
    )
    // Windows of 8 words: 0 to 7, 4 to 11, 8 to 15, ...; of 4 and 5 more is left in the first than stands before them in the second.
    const [sentence] = await tokenizer.encodeWords([new Array<string>(14).fill('fine')], { maxLength: 10, stride: 4 })
    const own = sentence!.windows.map(({ firstTokens }) => firstTokens.map(([word]) => word))
    assert.deepEqual(own, [
      [0, 1, 2, 3, 4, 5],
      [6, 7, 8, 9],
      [10, 11, 12, 13],
    ])
    assert.deepEqual(sentence!.windows[1]!.firstTokens[0], [6, 3])
    // Windows from 0 and from 5: of 6 the same is shown in both, and the first one answers.
    const [odd] = await tokenizer.encodeWords([new Array<string>(12).fill('fine')], { maxLength: 10, stride: 3 })
    assert.deepEqual(
      odd!.windows.map(({ firstTokens }) => firstTokens[0]),
      [
        [0, 1],
        [7, 3],
      ],
    )
  })

  it('may be special tokens that are declared, though tokenizer.json forgot them', async () => {
    const parsed = JSON.parse(readFileSync(join(bpeFolder, 'tokenizer.json'), 'utf8')) as {
      added_tokens: { content: string }[]
    }
    const added = parsed.added_tokens.filter(({ content }) => content !== '<mask>')
    const forgetful = await Tokenizer.fromDir(bpeFolderWith({ 'tokenizer.json': { ...parsed, added_tokens: added } }))
    const words = [['a', '<mask>', 'b']]
    const [expected] = await bpe.encodeWords(words)
    assert.ok(expected!.ids.includes(bpe.tokenToId('<mask>')!))
    assert.deepEqual((await forgetful.encodeWords(words))[0]!.ids, expected!.ids)
  })

  it('that are longer than a window are cut and reported', async () => {
    const [sentence, short] = await minilm.encodeWords([['a', 'antidisestablishmentarianism', 'b'], ['a']], {
      maxLength: 5,
    })
    assert.equal(sentence!.truncated, true)
    assert.deepEqual(wordsWithTokens(sentence!), [0, 1, 2])
    assert.ok(sentence!.windows.every(({ ids }) => ids.length <= 5))
    assert.equal(short!.truncated, false)
  })

  it('without a token are no word of any window', async () => {
    const [sentence] = await minilm.encodeWords([['a', '\u200b', 'b']])
    assert.deepEqual(wordsWithTokens(sentence!), [0, 2])
    assert.deepEqual(joinWindows(sentence!, [['CLS', 'x', 'y', 'SEP']]), ['x', undefined, 'y'])
    const [empty] = await minilm.encodeWords([[]])
    assert.deepEqual([empty!.ids, empty!.words], [[101, 102], 0])
  })

  it('are read in parts, with a look at the signal before each', async () => {
    const words = Array.from({ length: 1500 }, (_, i) => String(i))
    const [sentence] = await minilm.encodeWords([words], { maxLength: 100_000 })
    assert.equal(wordsWithTokens(sentence!).length, 1500)
    let looks = 0
    const signal = {
      get aborted() {
        return ++looks > 1
      },
    } as AbortSignal
    await assert.rejects(minilm.encodeWords([words], { signal }), {
      name: 'AbortError',
      message: /after 1024 of 1500 words/,
    })
  })

  it('are refused where they are none', async () => {
    const wrong = [['EU'], 'EU', [[1]], [['a', null]]] as unknown as string[][][]
    for (const sentences of wrong) await assert.rejects(minilm.encodeWords(sentences), ArgumentError)
    await assert.rejects(minilm.encodeWords([['a']], { maxLength: 2 }), /from 3 .*got 2/)
    await assert.rejects(
      minilm.encodeWords([['a']], { maxLength: 9, stride: 9 }),
      /stride .*below maxLength \(9\), got 9/,
    )
    await assert.rejects(minilm.encodeWords([['a']], { signal: AbortSignal.abort() }), AbortError)
    const [sentence] = await minilm.encodeWords([['a', 'b']])
    assert.throws(() => labelTokens(sentence!.windows[0]!, [1]), /a label for word 1, got 1 labels/)
  })
})

describe('splitWords', () => {
  it('places every word so that only white space lies between them', () => {
    const texts = {
      'EU rejects (3.5 %).': ['EU', 'rejects', '(', '3.5', '%', ')', '.'],
      "  Peter O'Reilly-Smith’s e-mail, U.N.\n": ['Peter', "O'Reilly-Smith’s", 'e-mail', ',', 'U.N', '.'],
      'IL-2--dependent a_b .5 x- -y': ['IL-2', '-', '-', 'dependent', 'a_b', '.', '5', 'x', '-', '-', 'y'],
      'e\u0301a 東京 😀😀x': ['e\u0301a', '東京', '😀', '😀', 'x'],
      ' \t\n': [],
    }
    for (const [text, expected] of Object.entries(texts)) {
      const words = splitWords(text)
      assert.deepEqual(
        words.map(word => word.text),
        expected,
        text,
      )
      for (const { text: word, start, end } of words) assert.equal(text.slice(start, end), word)
      assert.equal(words.reduceRight((rest, { start, end }) => rest.slice(0, start) + rest.slice(end), text).trim(), '')
    }
  })

  it('has a counterpart that places given words', () => {
    const { text, words } = joinWords(['EU', 'a😀', '.'])
    assert.equal(text, 'EU a😀 .')
    assert.deepEqual(
      words.map(({ start, end }) => text.slice(start, end)),
      ['EU', 'a😀', '.'],
    )
    assert.deepEqual(joinWords([]), { text: '', words: [] })
  })
})
