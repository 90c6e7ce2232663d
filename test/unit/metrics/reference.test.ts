import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { ArgumentError } from '../../../lib/errors.ts'
import {
  type Average,
  accuracy,
  averageRanks,
  type ClassLabels,
  f1,
  macroF1,
  matthews,
  microF1,
  mse,
  pearson,
  precision,
  recall,
  spearman,
} from '../../../lib/metrics/index.ts'

type Value = number | string | null
interface Case {
  name: string
  kind: 'single-label' | 'multi-label' | 'regression'
  positive: number
  conditioned: boolean
  predictions: Value[]
  references: Value[]
  ranks: [Value[], Value[]]
  expected: Record<string, Value>
  exact: Record<string, Value>
}

const cases = JSON.parse(readFileSync(resolve('test/golden/metrics/cases.json'), 'utf8')) as Case[]

/** JSON has neither NaN (null) nor infinity (a string). */
const number = (value: Value): number => (value === null ? Number.NaN : Number(value))

function close(got: number, want: number, tolerance: number, message: string): void {
  const equal = Object.is(got, want) || got === want || Math.abs(got - want) <= tolerance * Math.max(1, Math.abs(want))
  assert.ok(equal, `${message}: expected ${want}, got ${got}`)
}

function check(kase: Case, metric: string, score: () => number): void {
  const expected = kase.expected[metric]!
  if (expected === 'raises') assert.throws(score, ArgumentError, `${kase.name}: ${metric}`)
  else close(score(), number(expected), 1e-12, `${kase.name}: ${metric}`)
}

function checkAverages(kase: Case, names: readonly Average[], predictions: ClassLabels, references: ClassLabels): void {
  for (const [name, metric] of Object.entries({ precision, recall, f1 }))
    for (const average of names) check(kase, `${name} ${average}`, () => metric(predictions, references, { average }))
}

describe('metrics against scikit-learn and scipy', () => {
  const of = (kind: Case['kind']) => cases.filter(kase => kase.kind === kind)

  it('class indices', () => {
    assert.ok(of('single-label').length >= 40)
    for (const kase of of('single-label')) {
      const [predictions, references] = [kase.predictions.map(number), kase.references.map(number)]
      const positive = { positive: kase.positive }
      check(kase, 'accuracy', () => accuracy(predictions, references))
      check(kase, 'microF1', () => microF1(predictions, references))
      check(kase, 'macroF1', () => macroF1(predictions, references))
      check(kase, 'matthews', () => matthews(predictions, references))
      check(kase, 'precision', () => precision(predictions, references, positive))
      check(kase, 'recall', () => recall(predictions, references, positive))
      check(kase, 'f1', () => f1(predictions, references, positive))
      checkAverages(kase, ['micro', 'macro', 'weighted'], predictions, references)
    }
  })

  it('indicator rows', () => {
    assert.ok(of('multi-label').length >= 14)
    for (const kase of of('multi-label')) {
      const [predictions, references] = [kase.predictions, kase.references] as unknown as [number[][], number[][]]
      for (const [name, metric] of Object.entries({ accuracy, precision, recall, f1, microF1, macroF1 })) {
        check(kase, name, () => metric(predictions, references))
      }
      checkAverages(kase, ['micro', 'macro', 'weighted', 'samples'], predictions, references)
    }
  })

  it('correlations and mean squared error', () => {
    assert.ok(of('regression').length >= 25)
    for (const kase of of('regression')) {
      const [predictions, references] = [kase.predictions.map(number), kase.references.map(number)]
      check(kase, 'mse', () => mse(predictions, references))
      if (kase.name === 'empty') {
        // scipy's spearmanr gives NaN here and its pearsonr throws; no score at all is refused by both of ours.
        assert.throws(() => pearson(predictions, references), ArgumentError)
        assert.throws(() => spearman(predictions, references), ArgumentError)
        continue
      }
      if (kase.name === 'one row') assert.equal(pearson(predictions, references), Number.NaN)
      else if (kase.conditioned) check(kase, 'pearson', () => pearson(predictions, references))
      check(kase, 'spearman', () => spearman(predictions, references))
      // Ill-conditioned lists too: the exact sums are the truth there, scipy loses digits.
      close(pearson(predictions, references), number(kase.exact.pearson!), 4e-15, `${kase.name}: exact pearson`)
      close(spearman(predictions, references), number(kase.exact.spearman!), 4e-15, `${kase.name}: exact spearman`)
      if (kase.ranks[0].every(rank => rank !== null)) {
        assert.deepEqual(Array.from(averageRanks(predictions)), kase.ranks[0], kase.name)
        assert.deepEqual(Array.from(averageRanks(references)), kase.ranks[1], kase.name)
      }
    }
  })
})
