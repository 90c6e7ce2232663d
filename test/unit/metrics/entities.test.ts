import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { ArgumentError } from '../../../lib/errors.ts'
import {
  entitiesOf,
  type EntityRates,
  type EntityScores,
  entityScores,
  taggingMetrics,
  type TagScheme,
} from '../../../lib/metrics/index.ts'

type Rates = Record<keyof EntityRates, number | 'nan'>
type Scores = { micro: Rates; macro: Rates; weighted: Rates; types: Record<string, Rates> }
interface Case {
  id: string
  scheme: TagScheme
  references: string[][]
  predictions: string[][]
  accuracy: number
  default: Scores
  strict: Scores
  /** Entities there, found and right. */
  conlleval: { overall: Triple; types: Record<string, Triple>; accuracy: number }
  entities: { default: [string, number, number][][]; strict: [string, number, number][][] }
}
type Triple = [there: number, found: number, right: number]

const { cases } = JSON.parse(readFileSync(resolve('test/golden/entities/cases.json'), 'utf8')) as { cases: Case[] }

function close(got: number, want: number | 'nan', message: string): void {
  const equal = want === 'nan' ? Number.isNaN(got) : Math.abs(got - want) <= 1e-12
  assert.ok(equal, `${message}: expected ${want}, got ${got}`)
}

function compare(got: EntityScores, want: Scores, where: string): void {
  const rates = (a: EntityRates, b: Rates, part: string) => {
    for (const name of ['precision', 'recall', 'f1', 'support'] as const)
      close(a[name], b[name], `${where}, ${part}: ${name}`)
  }
  for (const part of ['micro', 'macro', 'weighted'] as const) rates(got[part], want[part], part)
  assert.deepEqual(Object.keys(got.types), Object.keys(want.types), where)
  for (const [type, wanted] of Object.entries(want.types)) rates(got.types[type]!, wanted, type)
}

describe('entities against seqeval and conlleval', () => {
  it('scores of the default mode and of the strict one', () => {
    assert.ok(cases.length >= 26)
    let differing = 0
    for (const { id, scheme, references, predictions, accuracy, ...wanted } of cases) {
      const [plain, strict] = [entityScores(predictions, references), entityScores(predictions, references, { scheme })]
      close(plain.accuracy, accuracy, `${id}: accuracy`)
      compare(plain, wanted.default, `${id}, default`)
      compare(strict, wanted.strict, `${id}, strict`)
      if (Math.abs(plain.micro.f1 - strict.micro.f1) > 1e-3) differing++
    }
    assert.ok(differing >= 8, `the modes differ in ${differing} cases only`)
  })

  it('the entities themselves', () => {
    for (const { id, scheme, predictions, entities } of cases) {
      for (const [index, tags] of predictions.entries()) {
        const read = (options?: { scheme: TagScheme }) =>
          entitiesOf(tags, options).map(({ type, start, end }) => [type || '_', start, end])
        assert.deepEqual(read(), entities.default[index], `${id}: ${tags.join(' ')}`)
        assert.deepEqual(read({ scheme }), entities.strict[index], `${id}, strict: ${tags.join(' ')}`)
      }
    }
  })

  it('counts by the rules of conlleval', () => {
    for (const { id, references, predictions, conlleval } of cases) {
      const { accuracy, micro, types } = entityScores(predictions, references)
      close(accuracy, conlleval.accuracy, id)
      const agrees = ({ precision, recall, f1, support }: EntityRates, [there, found, right]: Triple) => {
        assert.equal(support, there, id)
        close(precision, found === 0 ? 0 : right / found, id)
        close(recall, there === 0 ? 0 : right / there, id)
        close(f1, right === 0 ? 0 : (2 * right) / (found + there), id)
      }
      agrees(micro, conlleval.overall)
      for (const [type, triple] of Object.entries(conlleval.types)) agrees(types[type]!, triple)
    }
  })
})

describe('entitiesOf', () => {
  it('refuses what is no tag, with its place', () => {
    for (const tag of ['NOUN', 'b-LOC', 'B-', 'X-LOC', '', 7, undefined, 'OO'])
      assert.throws(
        () => entitiesOf(['O', tag as string]),
        { name: 'ArgumentError', message: /tags\[1\]/ },
        String(tag),
      )
    assert.throws(
      () => entitiesOf(['O', 'S-LOC'], { scheme: 'bio2' }),
      /tags\[1\]: expected a tag such as O, B-LOC, I-LOC \(bio2\)/,
    )
    assert.throws(() => entitiesOf(['O'], { scheme: 'bilou' as TagScheme }), /iob1, bio2, iobes, got "bilou"/)
  })
})

describe('entityScores', () => {
  it('refuses lists that do not fit', () => {
    assert.throws(() => entityScores([['O']], []), ArgumentError)
    assert.throws(() => entityScores([], []), ArgumentError)
    assert.throws(() => entityScores([[]], [[]]), /at least one token/)
    assert.throws(() => entityScores([['O'], ['O']], [['O'], ['O', 'O']]), /sentence 1: .*got 1 and 2/)
    assert.throws(() => entityScores([['O'], ['P']], [['O'], ['O']]), /predictions\[1\]\[0\]/)
  })
})

describe('taggingMetrics', () => {
  it('gives flat names, types that do not occur too', () => {
    const scores = taggingMetrics([['B-PER', 'I-PER', 'O', 'B-LOC']], [['B-PER', 'O', 'O', 'B-LOC']], ['ORG', 'LOC'])
    assert.deepEqual(scores, {
      accuracy: 0.75,
      precision: 0.5,
      recall: 0.5,
      f1: 0.5,
      microF1: 0.5,
      macroF1: 0.5,
      'precision.LOC': 1,
      'recall.LOC': 1,
      'f1.LOC': 1,
      'precision.ORG': 0,
      'recall.ORG': 0,
      'f1.ORG': 0,
      'precision.PER': 0,
      'recall.PER': 0,
      'f1.PER': 0,
    })
  })
})
