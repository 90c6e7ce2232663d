import assert from 'node:assert/strict'
import { BidoraError } from '../../../lib/errors.ts'
import { toTagging } from '../../../lib/predict/index.ts'
import { joinWords, splitWords } from '../../../lib/text/index.ts'

const labels = ['O', 'B-PER', 'I-PER', 'B-LOC', 'I-LOC']
/** Logits whose softmax gives the label probability p and the others the rest in equal parts. */
const row = (label: string, p = 0.9) =>
  Float64Array.from(labels, name => Math.log(name === label ? p : (1 - p) / (labels.length - 1)))

describe('predict/token-classification', () => {
  it('gives words, labels and entities with their places in a text', () => {
    const text = 'So  Ada Lovelace 😀 met\nParis.'
    const words = splitWords(text)
    const logits = [row('O'), row('B-PER', 0.8), row('I-PER', 0.6), row('O'), row('O'), row('I-LOC', 0.7), row('O')]
    const prediction = toTagging(logits, { labels, entities: true, text, words })
    assert.deepEqual(prediction.tokens, ['So', 'Ada', 'Lovelace', '😀', 'met', 'Paris', '.'])
    assert.deepEqual(prediction.labels, ['O', 'B-PER', 'I-PER', 'O', 'O', 'I-LOC', 'O'])
    const [person, place] = prediction.entities!
    const close = (got: number, want: number) => assert.ok(Math.abs(got - want) < 1e-12, `${got}`)
    close(person!.score, 0.7)
    close(place!.score, 0.7)
    assert.deepEqual(
      prediction.entities!.map(({ score: _, ...entity }) => entity),
      [
        { type: 'PER', text: 'Ada Lovelace', start: 4, end: 16, tokenStart: 1, tokenEnd: 3 },
        { type: 'LOC', text: 'Paris', start: 24, end: 29, tokenStart: 5, tokenEnd: 6 },
      ],
    )
    for (const { text: part, start, end } of prediction.entities!) assert.equal(text.slice(start, end), part)
  })

  it('places entities of given words in the words joined by spaces', () => {
    const given = joinWords(['Ada', 'Lovelace', 'x'])
    const { entities } = toTagging([row('B-PER'), row('I-PER'), row('B-LOC')], { ...given, labels, entities: true })
    assert.deepEqual(
      entities!.map(({ text, start, end }) => [text, start, end]),
      [
        ['Ada Lovelace', 0, 12],
        ['x', 13, 14],
      ],
    )
  })

  it('takes a word without tokens for outside, and labels without entities as they are', () => {
    const given = joinWords(['Ada', '\u200b', 'Lovelace'])
    const { labels: tags, entities } = toTagging([row('B-PER'), undefined, row('I-PER')], {
      ...given,
      labels,
      entities: true,
    })
    assert.deepEqual(tags, ['B-PER', 'O', 'I-PER'])
    assert.equal(entities!.length, 2)
    const plain = toTagging([row('O'), undefined], {
      ...joinWords(['a', 'b']),
      labels: ['NOUN', 'VERB', 'ADV', 'ADJ', 'X'],
      entities: false,
    })
    assert.deepEqual(plain, { tokens: ['a', 'b'], labels: ['NOUN', 'NOUN'] })
    const last = toTagging([undefined], { ...joinWords(['a']), labels: ['B-X', 'I-X', 'O'], entities: true })
    assert.deepEqual([last.labels, last.entities], [['O'], []])
    assert.deepEqual(toTagging([], { ...joinWords([]), labels, entities: true }), {
      tokens: [],
      labels: [],
      entities: [],
    })
  })

  it('refuses logits that are no numbers', () => {
    const given = { ...joinWords(['a']), labels, entities: true }
    assert.throws(
      () => toTagging([Float64Array.of(0, Number.NaN, 0, 0, 0)], given),
      (error: Error) => error instanceof BidoraError && /got NaN at 1 of 5/.test(error.message),
    )
  })
})
