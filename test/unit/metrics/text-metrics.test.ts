import assert from 'node:assert/strict'
import {
  bleu,
  bleuE2E,
  captionWords,
  cider,
  nist,
  perplexity,
  rougeL,
  type TextReferences,
  textMetrics,
} from '../../../lib/metrics/index.ts'

const all: Record<string, (predictions: string[], references: TextReferences) => number> = {
  bleu,
  rougeL,
  bleuE2E,
  nist,
  cider,
}

const close = (got: number, expected: number) => assert.ok(Math.abs(got - expected) < 1e-14, `${got}, not ${expected}`)

describe('metrics of texts', () => {
  it('follow their formulas', () => {
    // 5 of 6 words, 3 of 5 pairs, 1 of 4 threes, no four: 1 / (2 * 3); as long as the reference.
    close(bleu(['a b c x d e'], [['a b c d e f']]), ((5 / 6) * (3 / 5) * (1 / 4) * (1 / 6)) ** (1 / 4))
    // Half as long: all precisions are 1.
    close(bleu(['a b c d'], ['a b c d e f g h']), Math.exp(1 - 8 / 4))
    // Common subsequence a b d e: 4 of 5 words, 4 of 6.
    close(rougeL(['a b x d e'], ['a b c d e f']), (2 * (4 / 5) * (4 / 6)) / (4 / 5 + 4 / 6))
    // Two words of four, each said once among all: log2 4 bits a word, and one pair whose first word is certain.
    close(nist(['a b'], ['a b c d']), 2 * Math.exp((-Math.log(2) * Math.log(0.5) ** 2) / Math.log(1.5) ** 2))
    // One word each: the cosine is 1 for one word, and there are no longer runs.
    close(cider(['a', 'b'], ['a', 'b']), 10 / 4)
  })

  it('take the best of several references, in any order', () => {
    const [near, far] = ['the pub is by the river', 'the station has no pub']
    for (const metric of [bleu, rougeL, bleuE2E, nist])
      assert.equal(metric(['the pub is by a river'], [[near, far]]), metric(['the pub is by a river'], [[far, near]]))
    assert.equal(rougeL([near], [[far, near]]), 1)
  })

  it('keep case and stems apart as their references do', () => {
    const texts: [string[], string[]] = [['Cheap Pubs Near Rivers'], ['cheap pubs near rivers']]
    assert.equal(bleu(...texts), 0)
    assert.equal(bleuE2E(...texts), 1)
    assert.equal(rougeL(...texts), 1)
    assert.ok(rougeL(['the pubs are closing'], ['the pub is closed']) < 0.3)
    assert.equal(rougeL(['the pubs are closing'], ['the pub are closed'], { stemmer: true }), 1)
  })

  it('know a single word from a short text', () => {
    assert.equal(bleu(['pub'], ['pub']), 0)
    assert.equal(bleuE2E(['pub'], ['pub']), 1)
    assert.equal(rougeL(['pub'], ['pub']), 1)
    assert.equal(cider(['pub'], ['pub']), 0)
    assert.throws(() => nist(['four words and one'], ['four words and one'], { mteval: 'python' }), {
      code: 'METRIC_SHORT',
    })
  })

  it('give 0 to empty texts', () => {
    for (const [name, metric] of Object.entries(all)) assert.equal(metric(['', ''], ['a pub', 'a bar']), 0, name)
  })

  it('refuse empty lists, lists of different lengths, texts without a reference, what is no text', () => {
    for (const [name, metric] of Object.entries(all)) {
      assert.throws(() => metric([], []), { name: 'ArgumentError', code: 'METRIC_EMPTY' }, name)
      assert.throws(() => metric(['a'], ['a', 'b']), { code: 'METRIC_LENGTH' }, name)
      assert.throws(
        () => metric(['a', 'b'], [['a'], []]),
        { code: 'METRIC_REFERENCES', message: new RegExp(`^${name}: .* got none at 1; `) },
        name,
      )
      assert.throws(() => metric([1 as unknown as string], ['a']), { code: 'METRIC_TEXT' }, name)
      assert.throws(() => metric(['a'], [[null as unknown as string]]), { code: 'METRIC_TEXT', message: /null at 0/ })
    }
    assert.throws(() => cider(['a', 'b'], ['', '']), { code: 'METRIC_REFERENCES' })
    assert.throws(() => nist(['a', 'b'], ['', '']), { code: 'METRIC_REFERENCES' })
  })

  it('are scored together by name; meteor is refused with the reason', () => {
    const texts: [string[], string[][]] = [
      ['a cheap pub', 'a bar'],
      [['a cheap pub', 'a pub'], ['the bar']],
    ]
    const scores = textMetrics(...texts)
    assert.deepEqual(Object.keys(scores), ['bleu', 'rougeL', 'bleuE2E', 'nist', 'cider'])
    for (const [name, metric] of Object.entries(all)) assert.equal(scores[name as 'bleu'], metric(...texts))
    assert.deepEqual(Object.keys(textMetrics(...texts, ['nist', 'bleu'])), ['nist', 'bleu'])
    assert.throws(() => textMetrics(...texts, ['METEOR']), {
      code: 'METRIC_REFUSED',
      message: /'METEOR' is not offered: it needs lists of synonyms and paraphrases.* take one of bleu, rougeL/,
    })
    assert.throws(() => textMetrics(...texts, ['rouge1']), {
      code: 'METRIC_UNKNOWN',
      message: /no metric 'rouge1'; known are bleu, rougeL, bleuE2E, nist, cider/,
    })
    assert.throws(() => textMetrics(...texts, ['toString']), { code: 'METRIC_UNKNOWN' })
  })
})

describe('perplexity', () => {
  it('is e to the mean loss', () => {
    assert.equal(perplexity(0), 1)
    close(perplexity(Math.log(50)) / 50, 1)
    assert.equal(perplexity(1000), Number.POSITIVE_INFINITY)
  })

  it('refuses what is no loss', () => {
    for (const bad of [-0.1, Number.NaN, undefined as unknown as number])
      assert.throws(() => perplexity(bad), { code: 'METRIC_LOSS' })
  })
})

describe('captionWords', () => {
  it('are those of the Penn Treebank in lower case, without punctuation', () => {
    assert.deepEqual(captionWords("It isn't cheap (£20-25), but the Mill's waiters can't be beaten!"), [
      ...['it', 'is', "n't", 'cheap', '-lrb-', '#', '20-25', '-rrb-', 'but', 'the', 'mill', "'s", 'waiters'],
      ...['ca', "n't", 'be', 'beaten'],
    ])
    assert.deepEqual(captionWords(''), [])
  })
})
