import assert from 'node:assert/strict'
import {
  collectTaggingInputs,
  collectTokenExamples,
  encodeTags,
  labelSet,
  marksEntities,
  prepareTags,
} from '../../../lib/data/index.ts'

const sentence = (labels: string) => {
  const names = labels.split(' ')
  return { tokens: names.map((_, index) => `w${index}`), labels: names }
}

async function rejects(work: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(work, { name: 'DataError', message })
}

describe('sentences of a user', () => {
  it('are read from arrays and async iterables as they are', async () => {
    const rows = [sentence('O B-LOC'), sentence('O')]
    assert.deepEqual(await collectTokenExamples(rows), rows)
    async function* each() {
      yield* rows
    }
    assert.deepEqual(await collectTokenExamples(each()), rows)
  })

  it('are refused with their place', async () => {
    const good = sentence('O')
    await rejects(collectTokenExamples([]), /examples: expected examples, got none/)
    await rejects(collectTokenExamples([good, 'EU rejects']), /examples\[1\]: expected an object \{ tokens, labels \}/)
    await rejects(
      collectTokenExamples([good, { text: 'a', label: 'x' }]),
      /examples\[1\]: expected 'tokens' to be a list/,
    )
    await rejects(collectTokenExamples([{ tokens: [], labels: [] }]), /expected 'tokens' to hold words, got none/)
    await rejects(collectTokenExamples([{ tokens: ['a', ' '], labels: ['O', 'O'] }]), /tokens\[1\] to be a word/)
    await rejects(collectTokenExamples([{ tokens: ['a'] }]), /'labels' to be a list of names/)
    await rejects(
      collectTokenExamples([{ tokens: ['a'], labels: ['O', 'O'] }], { where: 'test' }),
      /test\[0\]: .*each of the 1 tokens, got 2/,
    )
    await rejects(
      collectTokenExamples([{ tokens: ['a'], labels: [0] }]),
      /labels\[0\] to be the name of a label, got 0/,
    )
  })

  it('without labels may be texts, words, or objects of either', async () => {
    const inputs = ['EU rejects', ['EU', 'rejects'], { tokens: ['EU'] }, { text: 'EU' }]
    const expected = [{ text: 'EU rejects' }, { tokens: ['EU', 'rejects'] }, { tokens: ['EU'] }, { text: 'EU' }]
    assert.deepEqual(await collectTaggingInputs(inputs), expected)
    for (const wrong of [' ', [], ['a', ''], { tokens: 'a' }, 7, {}, { text: 'a', pair: 'b' }])
      await rejects(collectTaggingInputs(['a', wrong]), /inputs\[1\]/)
  })
})

describe('labels of sentences', () => {
  it('are O and both tags of every type, in order, whatever the scheme of the training part', () => {
    const expected = ['O', 'B-LOC', 'I-LOC', 'B-PER', 'I-PER']
    for (const tags of [
      'O B-PER B-LOC',
      'O I-PER I-LOC',
      'O S-PER O S-LOC O',
      'I-PER I-PER B-PER O I-LOC',
      'B-PER E-PER S-LOC',
    ])
      assert.deepEqual(prepareTags([sentence(tags)], {}).labels, expected, tags)
    assert.ok(marksEntities(labelSet(expected)))
  })

  it('that mark no entities are those found', () => {
    const set = prepareTags([sentence('NOUN VERB'), sentence('ADV NOUN')], {})
    assert.deepEqual(set.labels, ['ADV', 'NOUN', 'VERB'])
    assert.ok(!marksEntities(set))
    assert.deepEqual(encodeTags([sentence('VERB ADV')], set), [[2, 0]])
  })

  it('become class indices, turned into the scheme of the set', () => {
    const bio2 = labelSet(['O', 'B-LOC', 'I-LOC'])
    const iobes = labelSet(['O', 'B-LOC', 'I-LOC', 'E-LOC', 'S-LOC'])
    for (const tags of ['I-LOC I-LOC I-LOC O B-LOC', 'B-LOC I-LOC I-LOC O B-LOC', 'B-LOC I-LOC E-LOC O S-LOC']) {
      assert.deepEqual(encodeTags([sentence(tags)], bio2), [[1, 2, 2, 0, 1]], tags)
      assert.deepEqual(encodeTags([sentence(tags)], iobes), [[1, 2, 3, 0, 4]], tags)
    }
    assert.deepEqual(encodeTags([sentence('B-LOC O')], labelSet(['O', 'S-LOC'])), [[1, 0]])
  })

  it('are refused where they are unknown, no tags, or all alike', () => {
    const examples = [sentence('O B-LOC'), sentence('O I-PER')]
    assert.throws(() => prepareTags(examples, { labels: ['O', 'B-LOC', 'I-LOC'] }), {
      name: 'DataError',
      message: /examples\[1\]\.labels\[1\]: expected one of the labels O, B-LOC, I-LOC, got 'B-PER'/,
    })
    assert.throws(() => prepareTags([sentence('O O'), sentence('O B-')], {}), /expected a tag such as|got "B-"/)
    assert.throws(
      () => prepareTags([sentence('O O'), sentence('O')], {}),
      /at least two classes, got only 'O' in 2 sentences/,
    )
    assert.deepEqual(prepareTags([sentence('O B-LOC')], { labels: ['B-LOC', 'O'] }).labels, ['B-LOC', 'O'])
  })
})
