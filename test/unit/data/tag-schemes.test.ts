import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { entitiesOf, Random, type TagScheme, toBio2, toIob1, toIobes } from '../../../lib/data/index.ts'
import { entitiesOf as scoredEntities } from '../../../lib/metrics/index.ts'
import { areEntityTags } from '../../../lib/data/tag-schemes.ts'
import { root } from '../../parity/golden.ts'

const words = (text: string) => text.split(' ')
/** `LOC 0-2`: type, first token, one past the last. */
const spans = (text: string, options?: Parameters<typeof entitiesOf>[1]) =>
  entitiesOf(words(text), options).map(({ type, start, end }) => `${type} ${start}-${end}`)

describe('tag schemes', () => {
  it('mark the same entities', () => {
    const wanted = ['LOC 0-1', 'LOC 1-3', 'PER 3-6', 'ORG 7-8']
    assert.deepEqual(spans('I-LOC B-LOC I-LOC I-PER I-PER I-PER O I-ORG'), wanted)
    assert.deepEqual(spans('B-LOC B-LOC I-LOC B-PER I-PER I-PER O B-ORG'), wanted)
    assert.deepEqual(spans('S-LOC B-LOC E-LOC B-PER I-PER E-PER O S-ORG'), wanted)
    assert.deepEqual(spans('U-LOC B-LOC L-LOC B-PER I-PER L-PER O U-ORG'), wanted)
    assert.deepEqual(entitiesOf([]), [])
    assert.deepEqual(spans('O O'), [])
  })

  it('are turned into each other, and stay as they are in their own', () => {
    const iob1 = words('I-LOC B-LOC I-LOC I-PER I-PER I-PER O I-ORG')
    const bio2 = words('B-LOC B-LOC I-LOC B-PER I-PER I-PER O B-ORG')
    const iobes = words('S-LOC B-LOC E-LOC B-PER I-PER E-PER O S-ORG')
    for (const tags of [iob1, bio2, iobes]) {
      assert.deepEqual(toIob1(tags), iob1)
      assert.deepEqual(toBio2(tags), bio2)
      assert.deepEqual(toIobes(tags), iobes)
    }
  })

  it('keep the types as they are: with dashes, and none', () => {
    assert.deepEqual(toBio2(words('I-cell-line I-cell-line B-cell-line')), words('B-cell-line I-cell-line B-cell-line'))
    assert.deepEqual(toIobes(words('I O B I')), words('S O B E'))
  })

  it('read tags that break their scheme as conlleval does', () => {
    assert.deepEqual(spans('O I-LOC I-LOC O'), ['LOC 1-3'])
    assert.deepEqual(spans('B-LOC I-PER I-PER'), ['LOC 0-1', 'PER 1-3'])
    assert.deepEqual(spans('I-LOC B-PER'), ['LOC 0-1', 'PER 1-2'])
    assert.deepEqual(spans('B-LOC E-LOC I-LOC E-LOC'), ['LOC 0-2', 'LOC 2-4'])
    assert.deepEqual(spans('E-LOC E-LOC'), ['LOC 0-1', 'LOC 1-2'])
    assert.deepEqual(spans('B-LOC S-LOC I-LOC'), ['LOC 0-1', 'LOC 1-2', 'LOC 2-3'])
    assert.deepEqual(spans('B-LOC U-LOC I-LOC L-LOC'), ['LOC 0-1', 'LOC 1-2', 'LOC 2-4'])
    assert.deepEqual(toBio2(words('I-LOC I-PER')), words('B-LOC B-PER'))
  })

  it('refuse them where that is asked for, with the place', () => {
    const refuse = (tags: string, scheme: TagScheme, at: number, reason: RegExp) =>
      assert.throws(
        () => entitiesOf(words(tags), { invalid: 'error', scheme, where: 'a.txt:7' }),
        (error: Error & { code: string; details: { index: number } }) => {
          assert.equal(error.code, 'DATA_TAG_ORDER')
          assert.equal(error.details.index, at)
          assert.match(error.message, reason)
          assert.ok(error.message.startsWith(`a.txt:7[${at}]: expected tags of the scheme ${scheme}, got `))
          return true
        },
      )
    refuse('O I-LOC', 'bio2', 1, /got I-LOC after O \(an entity begins with B\)/)
    refuse('I-LOC', 'bio2', 0, /got I-LOC after the start/)
    refuse('B-LOC I-PER', 'bio2', 1, /I-PER after B-LOC/)
    refuse('B-LOC E-LOC', 'bio2', 1, /bio2 has no E and S/)
    refuse('B-LOC', 'iob1', 0, /B stands only after an entity of the same type/)
    refuse('I-LOC O B-LOC', 'iob1', 2, /B stands only/)
    refuse('I-LOC B-PER', 'iob1', 1, /B stands only/)
    refuse('I-LOC S-LOC', 'iob1', 1, /iob1 has no E and S/)
    refuse('B-LOC O', 'iobes', 1, /got O after B-LOC \(the entity before it has no E\)/)
    refuse('B-LOC I-LOC', 'iobes', 2, /got the end after I-LOC \(the entity before it has no E\)/)
    refuse('B-LOC E-PER', 'iobes', 1, /the entity before it has no E/)
    refuse('B-LOC S-LOC', 'iobes', 1, /the entity before it has no E/)
    refuse('S-LOC I-LOC', 'iobes', 1, /no entity is open/)
    refuse('E-LOC', 'iobes', 0, /no entity is open/)
    assert.throws(() => toBio2(['O'], { invalid: 'error' }), { name: 'ArgumentError', code: 'DATA_TAG_SCHEME' })
  })

  it('refuse what is no tag, repaired or not', () => {
    for (const tag of ['', 'X-LOC', 'B-', 'LOC', 'b-LOC', '-X-', 'O-LOC', 'BLOC', 7 as unknown as string]) {
      assert.throws(() => entitiesOf(['O', tag], { where: 'row' }), {
        name: 'DataError',
        code: 'DATA_TAG',
        message: /^row\[1\]: expected a tag such as/,
      })
      // One reading of a tag serves data and scores alike.
      const sentenceOf = (read: () => unknown) => {
        try {
          return read() && 'none'
        } catch (error) {
          return (error as Error).message
        }
      }
      assert.equal(
        sentenceOf(() => entitiesOf([tag], { where: 'row' })),
        sentenceOf(() => scoredEntities([tag], { where: 'row' })),
      )
    }
  })

  it('are told from parts of speech', () => {
    assert.equal(areEntityTags(['O', 'B-LOC', 'S-x-y']), true)
    for (const tag of ['NN', 'I', 'B-', 'X-LOC', '']) assert.equal(areEntityTags(['O', tag]), false)
  })

  it('go round by way of any other, on random entities', () => {
    const random = new Random(3)
    for (let round = 0; round < 300; round++) {
      const bio2: string[] = []
      while (bio2.length < 12) {
        const type = ['LOC', 'PER'][random.below(2)]!
        if (random.below(3) === 0) bio2.push('O')
        else bio2.push(`B-${type}`, ...Array.from({ length: random.below(3) }, () => `I-${type}`))
      }
      const strict = { invalid: 'error' } as const
      const iob1 = toIob1(bio2, { ...strict, scheme: 'bio2' })
      const iobes = toIobes(iob1, { ...strict, scheme: 'iob1' })
      assert.deepEqual(toBio2(iobes, { ...strict, scheme: 'iobes' }), bio2)
      assert.deepEqual(entitiesOf(iob1), entitiesOf(bio2))
      assert.deepEqual(entitiesOf(iobes), entitiesOf(bio2))
    }
  })

  it('give the entities of seqeval, valid tags or not', () => {
    const { cases } = JSON.parse(readFileSync(join(root, 'test/golden/tag_schemes/cases.json'), 'utf8')) as {
      cases: { tags: string[]; entities: [string, number, number][] }[]
    }
    assert.ok(cases.length >= 300)
    for (const { tags, entities } of cases) {
      const wanted = entities.map(([type, start, end]) => ({ type, start, end }))
      assert.deepEqual(entitiesOf(tags), wanted, tags.join(' '))
    }
  })
})
