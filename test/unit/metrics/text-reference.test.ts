import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { ArgumentError } from '../../../lib/errors.ts'
import { bleu, bleuE2E, captionWords, cider, nist, rougeL } from '../../../lib/metrics/index.ts'
import { porterStem } from '../../../lib/metrics/porter-stem.ts'
import { tokens13a } from '../../../lib/metrics/tokenize-13a.ts'

type Score = number | 'raises'
interface Input {
  name: string
  predictions: string[]
  references: string[][]
}
type Cases<T> = { cases: ({ name: string } & T)[] }
type Mteval = { nist: Score; bleu: Score }

const read = <T>(name: string) => JSON.parse(readFileSync(resolve('test/golden/text_metrics', name), 'utf8')) as T
const inputs = read<Input[]>('inputs.json')

/** Compares one score of every case with the reference's, which may be a refusal. */
function compare<T>(
  { cases }: Cases<T>,
  pick: (expected: T) => Score,
  score: (predictions: string[], references: string[][]) => number,
): void {
  assert.ok(cases.length >= 35)
  assert.deepEqual(
    cases.map(({ name }) => name),
    inputs.map(({ name }) => name),
  )
  for (const [i, { name, predictions, references }] of inputs.entries()) {
    const expected = pick(cases[i]!)
    if (expected === 'raises') {
      assert.throws(() => score(predictions, references), ArgumentError, name)
      continue
    }
    const got = score(predictions, references)
    assert.ok(Math.abs(got - expected) <= 1e-12 * Math.max(1, expected), `${name}: expected ${expected}, got ${got}`)
  }
}

describe('metrics of texts against the packages that define them', () => {
  it('bleu against sacrebleu', () => {
    compare(read<Cases<{ bleu: Score }>>('bleu.json'), expected => expected.bleu, bleu)
  })

  it('the words of bleu', () => {
    const { tokens } = read<{ tokens: { text: string; tokens: string[] }[] }>('bleu.json')
    assert.ok(tokens.length >= 15)
    for (const { text, tokens: expected } of tokens) assert.deepEqual(tokens13a(text), expected)
  })

  it('rougeL against rouge-score, with and without its stemmer', () => {
    const cases = read<Cases<{ rougeL: Score; stemmed: Score }>>('rouge.json')
    compare(cases, expected => expected.rougeL, rougeL)
    compare(
      cases,
      expected => expected.stemmed,
      (predictions, references) => rougeL(predictions, references, { stemmer: true }),
    )
  })

  it('stems against the Porter stemmer of NLTK', () => {
    const { stems } = read<{ stems: [string, string][] }>('rouge.json')
    assert.ok(stems.length >= 150)
    for (const [word, stem] of stems) assert.equal(porterStem(word), stem, word)
  })

  it("bleuE2E and nist against the E2E challenge's mteval, in Perl and in Python", () => {
    const cases = read<Cases<{ perl: Mteval; python: Mteval }>>('e2e.json')
    compare(cases, ({ perl }) => perl.bleu, bleuE2E)
    compare(cases, ({ perl }) => perl.nist, nist)
    compare(
      cases,
      ({ python }) => python.bleu,
      (predictions, references) => bleuE2E(predictions, references, { mteval: 'python' }),
    )
    compare(
      cases,
      ({ python }) => python.nist,
      (predictions, references) => nist(predictions, references, { mteval: 'python' }),
    )
  })

  it('cider against pycocoevalcap, with its tokenizer and on words', () => {
    const cases = read<Cases<{ cider: Score; tokenized: Score }>>('cider.json')
    compare(cases, expected => expected.cider, cider)
    compare(
      cases,
      expected => expected.tokenized,
      (predictions, references) => cider(predictions, references, { tokenized: true }),
    )
  })

  it('the words of cider against the Stanford tokenizer, but for what is known to differ', () => {
    const { words } = read<{ words: { text: string; words: string[] }[] }>('cider.json')
    assert.ok(words.length >= 15)
    // Telephone numbers, faces with letters, capitals with an apostrophe, written brackets.
    const differing = words.filter(({ text, words: expected }) => captionWords(text).join(' ') !== expected.join(' '))
    assert.deepEqual(
      differing.map(({ text }) => text),
      ["The phone is (555) 123-4567 :D :P M'Sa -LCB-"],
    )
  })
})
