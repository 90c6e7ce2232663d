import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { TokenExample } from '../../lib/data/index.ts'
import { entitiesOf, loadDataset, loadFile } from '../../lib/data/index.ts'

const shared = resolve('../shared/data')

/** Sentences, tokens, the longest sentence, and entities by type; the tags are valid BIO2. */
function counts(sentences: readonly TokenExample[] | undefined): [number, number, number, Record<string, number>] {
  const lengths = sentences!.map(({ tokens }) => tokens.length)
  const entities: Record<string, number> = {}
  for (const { labels } of sentences!) {
    for (const { type } of entitiesOf(labels, { scheme: 'bio2', invalid: 'error' }))
      entities[type] = (entities[type] ?? 0) + 1
  }
  return [sentences!.length, lengths.reduce((total, length) => total + length, 0), Math.max(...lengths), entities]
}

describe('the tagged corpora of ../shared/data, by the counts of their README', () => {
  before(function () {
    if (existsSync(join(shared, 'README.md'))) return
    console.log('      skipped: no ../shared/data beside the checkout')
    this.skip()
  })

  it('conll2003: IOB1 turned into BIO2, marks of documents passed over', async () => {
    const { train, validation, test, info } = await loadDataset('conll2003', shared, { malformed: 'error' })
    assert.deepEqual(counts(train), [14041, 203621, 113, { LOC: 7140, PER: 6600, ORG: 6321, MISC: 3438 }])
    assert.deepEqual(counts(validation), [3250, 51362, 109, { LOC: 1837, PER: 1842, ORG: 1341, MISC: 922 }])
    assert.deepEqual(counts(test), [3453, 46435, 124, { LOC: 1668, PER: 1617, ORG: 1661, MISC: 702 }])
    assert.deepEqual([info.partial, info.warnings], [false, []])
  })

  it('conll2003: read as a file of a user, words and parts of speech too', async () => {
    const file = join(shared, 'conll2003/eng.testb')
    const options = { task: 'token-classification', format: 'conll' } as const
    assert.deepEqual(counts(await loadFile(file, options))[3], { LOC: 1668, PER: 1617, ORG: 1661, MISC: 702 })
    const tags = await loadFile(file, { ...options, labelColumn: '2' })
    assert.deepEqual(tags[0], {
      tokens: tags[0]!.tokens,
      labels: ['NN', ':', 'NNP', 'VB', 'NNP', 'NNP', ',', 'NNP', 'IN', 'DT', 'NN', '.'],
    })
    // Read as what it is not: entities begin with I- in the file.
    await assert.rejects(loadFile(file, { ...options, scheme: 'bio2', invalidTags: 'error' }), {
      code: 'DATA_TAG_ORDER',
    })
  })

  it('jnlpba: valid BIO2 as it is', async () => {
    const { train, validation, test, info } = await loadDataset('jnlpba', shared, { malformed: 'error' })
    const types = (protein: number, DNA: number, cell_type: number, cell_line: number, RNA: number) => ({
      protein,
      DNA,
      cell_type,
      cell_line,
      RNA,
    })
    assert.deepEqual(counts(train), [16807, 445090, 204, types(27803, 8481, 6192, 3430, 844)])
    assert.deepEqual(counts(validation), [1739, 47461, 123, types(2466, 1052, 526, 400, 107)])
    assert.deepEqual(counts(test), [3856, 101039, 208, types(5067, 1056, 1921, 500, 118)])
    assert.deepEqual([info.partial, info.warnings], [false, []])
    const file = await loadFile(join(shared, 'jnlpba/test.tsv'), {
      task: 'token-classification',
      format: 'conll',
      scheme: 'bio2',
      invalidTags: 'error',
    })
    assert.deepEqual(file, test)
  })

  it('ncbi-disease: valid BIO2 as it is', async () => {
    const { train, validation, test, info } = await loadDataset('ncbi-disease', shared, { malformed: 'error' })
    assert.deepEqual(counts(train), [5424, 135701, 123, { Disease: 5134 }])
    assert.deepEqual(counts(validation), [923, 23969, 86, { Disease: 787 }])
    assert.deepEqual(counts(test), [940, 24497, 106, { Disease: 960 }])
    assert.deepEqual([info.partial, info.warnings], [false, []])
  })
})
