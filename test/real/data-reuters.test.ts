import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Dataset, Example } from '../../lib/data/index.ts'
import { encodeLabels, labelSet, loadDataset } from '../../lib/data/index.ts'

const shared = resolve('../shared/data')

/** Each division is read once. */
const loaded = new Map<string, Promise<Dataset>>()
function load(name: 'reuters21578-modapte' | 'reuters21578-modlewis' | 'reuters21578-modhayes'): Promise<Dataset> {
  const dataset = loaded.get(name) ?? loadDataset(name, shared)
  loaded.set(name, dataset)
  return dataset
}

const topics = ({ label }: Example) => label as readonly string[]
const labelled = (examples: readonly Example[]) => examples.filter(example => topics(example).length > 0).length
const several = (examples: readonly Example[]) => examples.filter(example => topics(example).length > 1).length

describe('Reuters-21578 of ../shared/data, by the counts of its README', () => {
  after(() => loaded.clear())
  before(function () {
    if (existsSync(join(shared, 'README.md'))) return
    console.log('      skipped: no ../shared/data beside the checkout')
    this.skip()
  })

  for (const [name, documents, withTopics, manyTopics, distinct] of [
    ['reuters21578-modapte', [9603, 3299], [7775, 3019], [1223, 438], '115 in training, 93 in test, 90 in both'],
    ['reuters21578-modlewis', [13625, 6188], [7780, 3022], [1225, 439], '115 in training, 93 in test, 90 in both'],
    // The README counts 1664: one document names its only topic twice.
    ['reuters21578-modhayes', [20856, 722], [10802, 565], [1663, 209], '118 in training, 77 in test'],
  ] as const) {
    it(name, async () => {
      const { train, validation, test, info } = await load(name)
      assert.equal(validation, undefined)
      assert.equal(info.partial, false)
      const parts = [train!, test!]
      assert.deepEqual(
        parts.map(part => part.length),
        documents,
      )
      assert.ok(info.notes[0]!.startsWith(`topics: ${distinct}`), info.notes[0])
      for (const [i, part] of ['train', 'test'].entries())
        assert.ok(
          info.notes[i + 1]!.startsWith(
            `${part}: ${documents[i]} documents, ${documents[i]! - withTopics[i]!} of them without a topic`,
          ),
        )
      // The README counts topics that training lacks; no document of the test has such a one and no other.
      const lost = Number(/left out of (\d+) documents$/.exec(info.warnings.at(-1)!)![1])
      assert.equal(labelled(train!), withTopics[0])
      assert.ok(labelled(test!) <= withTopics[1] && labelled(test!) >= withTopics[1] - lost)
      assert.equal(several(train!), manyTopics[0])
      assert.ok(several(test!) <= manyTopics[1] && several(test!) >= manyTopics[1] - lost)
      for (const part of parts) encodeLabels(part, labelSet(info.labels!))
      for (const { text } of [...train!, ...test!])
        assert.match(text, /^[^\x00-\x08\x0b-\x1f\x7f]*\S[^\x00-\x08\x0b-\x1f\x7f]*$/)
      const official = readFileSync(join(shared, 'reuters21578/all-topics-strings.lc.txt'), 'utf8')
        .split('\n')
        .map(topic => topic.trim())
      assert.deepEqual(
        info.labels!.filter(topic => !official.includes(topic)),
        [],
      )
    })
  }

  it('has its largest topics, R52 and R90 of ModApte', async () => {
    const { train, test } = await load('reuters21578-modapte')
    const single = [train!, test!].map(part =>
      part
        .map(topics)
        .filter(each => each.length === 1)
        .map(([topic]) => topic!),
    )
    // One document of the test loses one of its two topics; two lose their only one.
    assert.equal(single[0]!.length, 6552)
    const count = (topic: string) => single[0]!.filter(each => each === topic).length
    assert.deepEqual(['earn', 'acq', 'crude', 'trade', 'money-fx'].map(count), [2840, 1596, 253, 251, 206])
    assert.equal(new Set(single[0]!.filter(topic => single[1]!.includes(topic))).size, 52)
    const both = await loadDataset('reuters21578-modapte', shared, { topics: 'both' })
    assert.equal(both.info.labels!.length, 90)
    assert.equal(both.train!.length, 9603)
    assert.ok(
      both.train!.some(({ text }) => text.includes('<')) && both.train!.every(({ text }) => !/&lt;|&#\d+;/.test(text)),
    )
  })

  it('is Latin-1', async () => {
    const { train, test } = await load('reuters21578-modhayes')
    assert.equal([...train!, ...test!].filter(({ text }) => text.includes('\xfc')).length, 1)
  })
})
