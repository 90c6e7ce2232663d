import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatasetSource, PreparedDataset } from '../../../lib/compare/dataset.ts'
import { claim } from '../../../lib/compare/lock.ts'
import { prepareDataset } from '../../../lib/compare/prepare.ts'
import { finishedRun, planRun } from '../../../lib/compare/runs.ts'
import { scoredDataset, scoreOf } from '../../../lib/compare/scores.ts'
import { contendersOf, type Given } from '../../../lib/compare/settings.ts'
import { partsOf } from '../../../lib/compare/train-run.ts'
import { BidoraError, ConfigError, DataError } from '../../../lib/errors.ts'

const dataset: PreparedDataset = {
  name: 'x',
  file: '/rows.json',
  problemType: 'single-label',
  labels: ['a', 'b'],
  metrics: ['f1', 'accuracy', 'loss'],
  parts: { train: { rows: 9, sha256: 't' }, validation: { rows: 3, sha256: 'v' }, test: { rows: 3, sha256: 'e' } },
  warnings: [],
  model: 'm',
}
const place = {
  base: '/model',
  output: '/out',
  scoring: { part: 'test', holdOut: undefined } as const,
  keepModels: false,
  threads: 1,
}

describe('runs of a comparison', () => {
  const runOf = (
    settings: Given,
    more: { name?: string; seed?: number; data?: Partial<PreparedDataset>; place?: object } = {},
  ) => {
    const [contender] = contendersOf([], { [more.name ?? 'own']: settings }, {})
    return planRun(contender!, more.seed ?? 0, { ...dataset, ...more.data }, { ...place, ...more.place })
  }
  const plain = runOf({ method: 'lora' })

  it('are named by data set, method, seed and fingerprint', () => {
    assert.equal(plain.folder, `/out/runs/x_lora_seed-0_${plain.fingerprint.slice(0, 12)}`)
    assert.deepEqual(plain.task.key.rows, { train: 't', validation: 'v', test: 'e' })
    assert.equal(plain.task.key.settings.rank, 8)
  })

  for (const [what, other] of [
    ['a name', runOf({ method: 'lora' }, { name: 'another' })],
    ['a default that is given', runOf({ method: 'lora', rank: 8 })],
    ['how often a checkpoint is written', runOf({ method: 'lora', saveEvery: 7, logEvery: 1 })],
    ['threads and folders', runOf({ method: 'lora' }, { place: { threads: 3, keepModels: true, base: '/moved' } })],
    ['where rows lie and a warning', runOf({ method: 'lora' }, { data: { file: '/other', warnings: ['!'] } })],
  ] as const) {
    it(`${what} makes no other run`, () => assert.equal(other.fingerprint, plain.fingerprint))
  }

  for (const [what, other] of [
    ['a setting', runOf({ method: 'lora', rank: 4 })],
    ['the number of rows that are scored', runOf({ method: 'lora', limitEval: 2 })],
    ['a seed', runOf({ method: 'lora' }, { seed: 1 })],
    ['a method', runOf({ method: 'dora' })],
    ['a model', runOf({ method: 'lora' }, { data: { model: 'n' } })],
    ['labels', runOf({ method: 'lora' }, { data: { labels: ['b', 'a'] } })],
    [
      'training rows',
      runOf({ method: 'lora' }, { data: { parts: { ...dataset.parts, train: { rows: 9, sha256: 'u' } } } }),
    ],
    ['test rows', runOf({ method: 'lora' }, { data: { parts: { ...dataset.parts, test: { rows: 9, sha256: 'u' } } } })],
    ['another part to score on', runOf({ method: 'lora' }, { place: { scoring: { part: 'validation' } } })],
    ['a hold-out', runOf({ method: 'lora' }, { place: { scoring: { part: 'validation', holdOut: 0.2 } } })],
  ] as const) {
    it(`${what} makes another run`, () => assert.notEqual(other.fingerprint, plain.fingerprint))
  }

  it('what a method does not read is no part of its fingerprint', () => {
    assert.ok(
      !('upperLearningRate' in plain.task.key.settings) && !('rank' in runOf({ method: 'head' }).task.key.settings),
    )
  })

  it('with a hold-out other rows do not count', () => {
    const scoring = { part: 'validation', holdOut: 0.2 }
    const { key } = runOf({ method: 'lora' }, { place: { scoring } }).task
    assert.deepEqual([key.rows, key.holdOut], [{ train: 't' }, 0.2])
  })

  describe('in files', () => {
    let folder: string
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'bidora-runs-'))
    })
    afterEach(() => rmSync(folder, { recursive: true }))

    it('a result of the same fingerprint counts, another does not', () => {
      const run = { ...plain, folder }
      assert.equal(finishedRun(run), undefined)
      writeFileSync(join(folder, 'result.json'), JSON.stringify({ fingerprint: plain.fingerprint, seed: 0 }))
      assert.equal(finishedRun(run)?.seed, 0)
      writeFileSync(
        join(folder, 'result.json'),
        JSON.stringify({ fingerprint: `${plain.fingerprint.slice(0, 12)}0`, seed: 0 }),
      )
      assert.equal(finishedRun(run), undefined)
    })

    it('a folder is claimed by one process; a dead one is followed', async () => {
      const path = join(folder, 'run.lock')
      const release = await claim(path)
      await assert.rejects(
        claim(path, 60),
        (error: unknown) => error instanceof BidoraError && error.code === 'COMPARE_BUSY',
      )
      const waiting = claim(path, 5000)
      setTimeout(release, 30)
      ;(await waiting)()
      writeFileSync(path, readOwnIdentity(path).replace(/_\d+_/, '_999999999_'))
      ;(await claim(path))()
    })

    function readOwnIdentity(path: string): string {
      const other = `${path}.other`
      claim(other) // written before it waits for anything
      return readFileSync(other, 'utf8')
    }

    const rows = Array.from({ length: 20 }, (_, i) => ({ text: `text ${i}`, label: i % 4 === 0 ? 'b' : 'a' }))
    const prepare = async (source: Partial<DatasetSource>, lines: readonly unknown[]) => {
      mkdirSync(join(folder, 'model'), { recursive: true })
      writeFileSync(join(folder, 'model', 'config.json'), '{}')
      writeFileSync(join(folder, 'lines.jsonl'), lines.map(line => `${JSON.stringify(line)}\n`).join(''))
      const whole = { name: 'own', lines: join(folder, 'lines.jsonl'), ...source }
      return prepareDataset({ source: whole, base: join(folder, 'model'), file: join(folder, 'rows.json') })
    }

    it('a data set in memory is read, checked and hashed part by part', async () => {
      const lines = [...rows.map(row => ['train', row]), ...rows.slice(0, 3).map(row => ['test', row])]
      const read = await prepare({}, lines)
      assert.deepEqual([read.labels, read.problemType, read.metrics[0]], [['a', 'b'], 'single-label', 'accuracy'])
      assert.deepEqual([read.parts.train?.rows, read.parts.validation, read.parts.test?.rows], [20, undefined, 3])
      assert.notEqual(read.parts.train?.sha256, read.parts.test?.sha256)
      assert.deepEqual(JSON.parse(readFileSync(read.file, 'utf8')).test, rows.slice(0, 3))
      const same = await prepare({}, lines)
      assert.deepEqual(same.parts, read.parts)
      const numbers = rows.map((row, i) => ['train', { ...row, label: i }])
      const regression = await prepare({ problemType: 'regression' }, numbers)
      assert.deepEqual([regression.labels, regression.metrics], [undefined, ['pearson', 'spearman', 'mse', 'loss']])
      const tags = rows.map((row, i) => ['train', { ...row, label: i % 2 ? ['a', 'b'] : ['c'] }])
      const several = await prepare({ problemType: 'multi-label' }, tags)
      assert.deepEqual([several.metrics[0], several.metrics.includes('macroF1')], ['microF1', true])
    })

    it('a label that training rows do not have is refused before anything is trained', async () => {
      const lines = [...rows.map(row => ['train', row]), ['validation', { text: 'x', label: 'c' }]]
      await assert.rejects(prepare({}, lines), (error: unknown) => {
        assert.ok(error instanceof DataError)
        assert.match(error.message, /own: validation.*'c'/)
        return true
      })
    })

    it('held-out rows come out of the limited training rows, with their share of each class', async () => {
      await prepare({}, [...rows.map(row => ['train', row]), ['test', rows[0]]])
      const task = {
        rows: join(folder, 'rows.json'),
        dataset: 'own',
        model: { problemType: 'single-label' },
        fit: { limitTrain: 16 },
      } as const
      const parts = partsOf({ ...task, scoring: { part: 'validation', holdOut: 0.25 } })
      assert.deepEqual([parts.train?.length, parts.validation?.length, parts.test], [12, 4, undefined])
      assert.deepEqual(
        [...parts.train!, ...parts.validation!].map(({ text }) => text).toSorted(),
        rows
          .slice(0, 16)
          .map(({ text }) => text)
          .toSorted(),
      )
      assert.equal(parts.validation!.filter(({ label }) => label === 'b').length, 1)
      assert.throws(
        () => partsOf({ ...task, fit: { limitTrain: 1 }, scoring: { part: 'validation', holdOut: 0.25 } }),
        DataError,
      )
      const usual = partsOf({ ...task, scoring: { part: 'test', holdOut: undefined } })
      assert.deepEqual([usual.train?.length, usual.validation, usual.test?.length], [16, undefined, 1])
      assert.equal(partsOf({ ...task, scoring: { part: 'validation', holdOut: undefined } }).test, undefined)
    })
  })

  it('what is scored: the main score on the test part, unless something else is asked for', () => {
    const asked = { metric: undefined, scoreOn: undefined, holdOut: undefined }
    const { dataset: shown, scoring } = scoredDataset(dataset, asked)
    assert.deepEqual([shown.metric, shown.scoredOn, shown.higherIsBetter, scoring.part], ['f1', 'test', true, 'test'])
    const metrics = { validation: { f1: 0.5, loss: 1 }, test: { f1: 0.7, loss: 2 } }
    assert.equal(scoreOf(metrics, shown), 0.7)
    const loss = scoredDataset(dataset, { ...asked, metric: 'loss', scoreOn: 'validation' }).dataset
    assert.deepEqual([loss.higherIsBetter, scoreOf(metrics, loss)], [false, 1])
    assert.equal(scoredDataset(dataset, { ...asked, holdOut: 0.2 }).dataset.scoredOn, 'held-out')
    // JSON has no NaN: an undefined correlation is null there.
    for (const f1 of [null, Number.NaN]) assert.equal(scoreOf({ test: { f1: f1 as number } }, shown), null)
    assert.throws(() => scoredDataset(dataset, { ...asked, metric: 'acuracy' }), /did you mean 'accuracy'/)
    const { test: _, ...parts } = dataset.parts
    assert.throws(() => scoredDataset({ ...dataset, parts }, { ...asked, scoreOn: 'test' }), ConfigError)
    assert.equal(scoredDataset({ ...dataset, parts }, asked).dataset.scoredOn, 'validation')
  })
})
