import assert from 'node:assert/strict'
import { encodeLabels, findLabels, labelIndex, labelSet, prepareLabels } from '../../../lib/data/index.ts'
import type { Label } from '../../../lib/data/index.ts'

const examples = (...labels: Label[]) => labels.map(label => ({ text: 'a', label }))
const single = { problemType: 'single-label' } as const

describe('labels', () => {
  it('are found in the rows and sorted: numbers by value, names by code unit', () => {
    assert.deepEqual(findLabels(examples('spam', 'ham', 'spam', 'Ham')), ['Ham', 'ham', 'spam'])
    assert.deepEqual(findLabels(examples(10, 2, 1)), ['1', '2', '10'])
    assert.deepEqual(findLabels(examples('10', '2')), ['2', '10'])
    assert.deepEqual(findLabels(examples('10', '2', 'x')), ['10', '2', 'x'])
    assert.deepEqual(findLabels(examples(['b', 'a'], [], ['c'])), ['a', 'b', 'c'])
  })

  it('are saved as id2label and label2id', () => {
    assert.deepEqual(labelSet(['ham', 'spam']), {
      labels: ['ham', 'spam'],
      id2label: { 0: 'ham', 1: 'spam' },
      label2id: { ham: 0, spam: 1 },
    })
    assert.equal(labelIndex(labelSet(['__proto__', 'constructor']), '__proto__'), 0)
    assert.equal(labelIndex(labelSet(['a', 'b']), 'constructor'), undefined)
  })

  it('are refused where empty or given twice', () => {
    for (const names of [[], ['a', 'a'], ['a', ' '], ['a', 3 as unknown as string]]) {
      assert.throws(() => labelSet(names), { name: 'DataError', code: 'DATA_LABELS' })
    }
  })

  it('may be names, or indices where no name is a number', () => {
    const set = labelSet(['negative', 'positive'])
    assert.deepEqual(encodeLabels(examples('positive', 1, '1', 0), set), [1, 1, 1, 0])
    assert.equal(labelIndex(set, 2), undefined)
    assert.equal(labelIndex(set, '01'), undefined)
    const stars = labelSet(['1', '2', '3'])
    assert.deepEqual(encodeLabels(examples(1, '3'), stars), [0, 2])
    assert.equal(labelIndex(stars, 0), undefined)
    assert.deepEqual(encodeLabels(examples(0, 1), labelSet(['0', '1'])), [0, 1])
  })

  it('of several a row become zeros and ones', () => {
    assert.deepEqual(encodeLabels(examples(['c', 'a'], []), labelSet(['a', 'b', 'c'])), [
      [1, 0, 1],
      [0, 0, 0],
    ])
  })

  it('that are unknown are refused with the row, the nearest name and the others', () => {
    assert.throws(() => encodeLabels(examples('ham', 'spma', 'eggs'), labelSet(['ham', 'spam']), 'validation'), {
      name: 'DataError',
      code: 'DATA_UNKNOWN_LABEL',
      message:
        "validation[1]: expected one of the labels ham, spam, got 'spma' (did you mean 'spam'?) (and 'eggs' elsewhere); " +
        'correct the row or name the label',
    })
    const many = labelSet(Array.from({ length: 40 }, (_, i) => `intent-${i}`))
    assert.throws(() => encodeLabels(examples('x'), many), { message: /intent-9, \.\.\. \(40\), got 'x'; / })
  })

  it('of a training are the given ones or those found', () => {
    assert.deepEqual(prepareLabels(examples('b', 'a'), single).labels, ['a', 'b'])
    assert.deepEqual(prepareLabels(examples('b', 'a'), { ...single, labels: ['b', 'c', 'a'] }).labels, ['b', 'c', 'a'])
    assert.deepEqual(prepareLabels(examples(['b'], ['a', 'b']), { problemType: 'multi-label' }).labels, ['a', 'b'])
    assert.throws(() => prepareLabels(examples('a', 'x'), { ...single, labels: ['a', 'b'] }), {
      code: 'DATA_UNKNOWN_LABEL',
    })
    assert.throws(() => prepareLabels(examples(['x']), { problemType: 'multi-label', labels: ['a'] }), {
      code: 'DATA_UNKNOWN_LABEL',
    })
  })

  it('of one class only are refused, given or found', () => {
    for (const labels of [undefined, ['ham', 'spam']]) {
      assert.throws(() => prepareLabels(examples('ham', 'ham'), { ...single, labels, where: 'train.csv' }), {
        code: 'DATA_ONE_CLASS',
        message: "train.csv: expected at least two classes, got only 'ham' in 2 rows; add rows of another class",
      })
    }
    assert.throws(() => prepareLabels(examples([], []), { problemType: 'multi-label' }), { code: 'DATA_NO_LABELS' })
  })
})
