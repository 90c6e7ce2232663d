import assert from 'node:assert/strict'
import { collectExamples, collectInputs } from '../../../lib/data/index.ts'

const single = { problemType: 'single-label' } as const
const rejects = (rows: unknown, options: Parameters<typeof collectExamples>[1], expected: object) => {
  return assert.rejects(collectExamples(rows as unknown[], options), expected)
}

describe('examples of a user', () => {
  it('come from arrays, iterables and async iterables, kept as they are', async () => {
    const rows = [
      { text: ' a ', label: 'x' },
      { text: 'b', label: 1 },
    ]
    async function* stream() {
      yield* rows
    }
    for (const source of [rows, new Set(rows), stream()]) assert.deepEqual(await collectExamples(source, single), rows)
  })

  it('take what is theirs: text, pair and label', async () => {
    const rows = [{ text: 'a', pair: 'b', label: 'x', id: 3 }]
    assert.deepEqual(await collectExamples(rows, single), [{ text: 'a', pair: 'b', label: 'x' }])
    assert.deepEqual(await collectExamples([{ text: 'a', pair: null, label: 'x' }], single), [
      { text: 'a', label: 'x' },
    ])
  })

  it('have labels of the problem', async () => {
    await collectExamples([{ text: 'a', label: -0.5 }], { problemType: 'regression' })
    await collectExamples(
      [
        { text: 'a', label: ['x', 'y'] },
        { text: 'b', label: [] },
      ],
      { problemType: 'multi-label' },
    )
    for (const label of [undefined, null, '', ' ', 0.5, -1, Number.NaN, true, ['x'], {}]) {
      await rejects([{ text: 'a', label }], single, {
        name: 'DataError',
        code: 'DATA_LABEL',
        message: /^examples\[0\]: /,
      })
    }
    for (const label of ['3', '', Number.NaN, Number.POSITIVE_INFINITY, null, [1]]) {
      await rejects(
        [{ text: 'a', label }],
        { problemType: 'regression' },
        { code: 'DATA_LABEL', message: /a finite number/ },
      )
    }
    for (const label of ['x', [1], [''], ['x', 'x'], undefined]) {
      await rejects([{ text: 'a', label }], { problemType: 'multi-label' }, { code: 'DATA_LABEL' })
    }
  })

  it('are refused without text, naming the place', async () => {
    const good = { text: 'a', label: 'x' }
    await rejects(
      [good, { text: ' \n', label: 'x' }],
      { ...single, where: 'validation' },
      {
        code: 'DATA_EMPTY_TEXT',
        message: "validation[1]: expected 'text' to hold text, got an empty one; remove the row",
      },
    )
    await rejects([{ label: 'x' }], single, { code: 'DATA_TEXT', message: /'text' to be a string, got nothing/ })
    await rejects([{ text: 3, label: 'x' }], single, { message: /got a number/ })
    await rejects([{ text: 'a', pair: '', label: 'x' }], single, { code: 'DATA_EMPTY_TEXT', message: /'pair'/ })
    await rejects(['a'], single, { code: 'DATA_ROW', message: /got a string; wrap it/ })
    await rejects([null], single, { code: 'DATA_ROW', message: /got null/ })
  })

  it('are refused where a pair is in some only', async () => {
    const rows = [
      { text: 'a', label: 'x' },
      { text: 'b', pair: 'c', label: 'x' },
    ]
    await rejects(rows, single, { code: 'DATA_PAIR', message: /got one at 1 and none at 0/ })
    await rejects(rows.reverse(), single, { code: 'DATA_PAIR', message: /got one at 0 and none at 1/ })
  })

  it('of other tasks are refused by name', async () => {
    await rejects([{ tokens: ['a'], labels: ['O'] }], single, {
      code: 'DATA_TASK',
      message: /got 'tokens', which is for the task token-classification/,
    })
    await rejects([{ prompt: 'a', completion: 'b' }], single, { code: 'DATA_TASK', message: /task text-generation/ })
  })

  it('are refused where there are none, or no list', async () => {
    await rejects([], single, { code: 'DATA_EMPTY', message: /expected examples, got none/ })
    for (const rows of ['text', undefined, null, 3, { text: 'a' }]) await rejects(rows, single, { code: 'DATA_ROWS' })
  })

  it('stop at a signal', async () => {
    const reason = new Error('enough')
    await assert.rejects(
      collectExamples([{ text: 'a', label: 'x' }], { ...single, signal: AbortSignal.abort(reason) }),
      reason,
    )
  })
})

describe('inputs to predict for', () => {
  it('are strings, texts or pairs', async () => {
    assert.deepEqual(await collectInputs(['a', { text: 'b' }, { text: 'c', pair: 'd' }]), [
      { text: 'a' },
      { text: 'b' },
      { text: 'c', pair: 'd' },
    ])
    assert.deepEqual(await collectInputs([]), [])
  })

  it('are refused where empty, naming the place', async () => {
    await assert.rejects(collectInputs(['a', '']), { code: 'DATA_EMPTY_TEXT', message: /^inputs\[1\]: / })
    await assert.rejects(collectInputs([3]), { code: 'DATA_ROW' })
    await assert.rejects(collectInputs('text'), { code: 'DATA_ROWS' })
  })
})
