import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compareRequest } from '../../../lib/cli/compare-request.ts'
import { compareText } from '../../../lib/cli/compare-text.ts'
import type { CompareReport } from '../../../lib/compare.ts'
import { ConfigError } from '../../../lib/errors.ts'

const needed = { model: 'm', output: 'o', seeds: '0,1', dataset: 'sst2' }

describe('compare on the command line', () => {
  it('flags become the options of the function', () => {
    assert.deepEqual(
      compareRequest({
        ...needed,
        dataset: 'sst2, mrpc',
        data: 'd',
        methods: 'lora,bidora',
        variant: ['exact:hypergradient=exact,target-modules=query,value', 'hot:method=bidora,upperLearningRate=1e-2'],
        pairs: 'bidora:lora,exact:lora',
        rank: '4',
        learningRate: '0.1',
        jobs: '2',
        holdOut: '0.25',
        json: true,
      }),
      {
        model: 'm',
        output: 'o',
        seeds: [0, 1],
        datasets: ['sst2', 'mrpc'],
        data: 'd',
        methods: ['lora', 'bidora'],
        variants: {
          exact: { hypergradient: 'exact', targetModules: ['query', 'value'] },
          hot: { method: 'bidora', upperLearningRate: 0.01 },
        },
        pairs: [
          ['bidora', 'lora'],
          ['exact', 'lora'],
        ],
        rank: 4,
        retrainLearningRate: 0.1,
        jobs: 2,
        holdOut: 0.25,
      },
    )
  })

  it('files are one data set, named by the training file', () => {
    const { dataset: _, ...rest } = needed
    const { datasets } = compareRequest({ ...rest, train: '/x/my mails.csv.gz', test: 't.csv', labelColumn: 'kind' })
    const [own] = datasets as unknown as Record<string, unknown>[]
    assert.deepEqual(
      [own!.name, own!.train, own!.test, own!.validation, own!.labelColumn],
      ['my-mails', '/x/my mails.csv.gz', 't.csv', undefined, 'kind'],
    )
    for (const file of ['mails.parquet', 'mails.arrow', 'mails.jsonl.gz', 'mails.tsv', 'mails']) {
      const named = compareRequest({ ...rest, train: `/x/${file}` }).datasets as unknown as { name: string }[]
      assert.equal(named[0]!.name, 'mails', file)
    }
  })

  it('a file of --config gives what the command line does not', () => {
    const folder = mkdtempSync(join(tmpdir(), 'bidora-compare-'))
    const config = join(folder, 'c.json')
    const variants = { slow: { method: 'lora', retrainSteps: 9 }, x: { rank: 2 } }
    writeFileSync(
      config,
      JSON.stringify({ ...needed, seeds: [5], datasets: ['rte'], retrainEpochs: 2, variants, rank: 3 }),
    )
    try {
      const { dataset: __, ...rest } = needed
      const request = compareRequest({ ...rest, config, rank: '8', retrainSteps: '7', variant: ['x:rank=1'] })
      assert.deepEqual([request.seeds, request.datasets, request.rank], [[0, 1], ['rte'], 8])
      assert.deepEqual([request.retrainSteps, request.retrainEpochs], [7, undefined])
      assert.deepEqual(request.variants, { slow: variants.slow, x: { rank: 1 } })

      writeFileSync(config, JSON.stringify({ epochs: 2, learningRate: 0.1 }))
      const short = compareRequest({ ...needed, config, retrainSteps: '7', retrainLearningRate: '0.2' }) as object
      assert.ok(!('epochs' in short) && !('learningRate' in short), 'short names in the file are outweighed too')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  for (const [what, more, sentence] of [
    ['a variant without settings', { variant: ['x'] }, /NAME:KEY=VALUE/],
    ['a variant without a value', { variant: ['x:rank'] }, /NAME:KEY=VALUE/],
    ['a variant without a name', { variant: [':rank=2'] }, /NAME:KEY=VALUE/],
    ['one name for two variants', { variant: ['x:rank=1', 'x:rank=2'] }, /--variant x twice/],
    ['a setting by both of its names', { epochs: '3', retrainEpochs: '4' }, /--retrain-epochs is given twice/],
    ['seeds that are no numbers', { seeds: '0,x' }, /--seeds as numbers, got 'x'/],
    ['no model', { model: undefined }, /--model DIR/],
    ['a data set and files', { train: 'a.csv' }, /--dataset or files, got both/],
    ['files without training rows', { dataset: undefined, test: 'a.csv' }, /--train FILE/],
  ] as const) {
    it(`refuses ${what}`, () => {
      const flags = Object.fromEntries(
        Object.entries({ ...needed, ...more }).filter(([, value]) => value !== undefined),
      )
      assert.throws(
        () => compareRequest(flags),
        (error: unknown) => {
          assert.ok(error instanceof ConfigError)
          assert.match(error.message, sentence)
          return true
        },
      )
    })
  }

  it('the table and its sentences', () => {
    const summary = (mean: number, spread: number | null, count: number) => ({ mean, spread, count })
    const row = (name: string, trainable: number, score: number) => ({
      name,
      parameters: { trainable, total: 9e6 },
      scores: { sst2: summary(score, 0.012, 3), rte: null },
      mean: null,
      time: summary(61, 2, 3),
      peakBytes: 6.12e8,
    })
    const report = {
      seeds: [0, 1, 2, 3],
      datasets: [
        { name: 'sst2', metric: 'accuracy', scoredOn: 'validation' },
        { name: 'rte', metric: 'accuracy', scoredOn: 'validation' },
      ],
      table: [row('lora', 74_498, 0.8123), row('first-order', 9, 0.9)],
      comparisons: [
        {
          method: 'first-order',
          against: 'lora',
          gain: 0.0877,
          gains: { sst2: summary(0.0877, null, 1), rte: summary(-0.01, null, 1) },
          differences: [{}, {}, {}],
          missing: 1,
          note: '1 pairs are missing, because a run failed',
          interval: { low: -0.01, high: 0.1, level: 0.95 },
          test: { pValue: 0.25, holm: 0.5, smallest: 0.25, method: 'exact' },
        },
      ],
    } as unknown as CompareReport
    assert.equal(
      compareText(report),
      `method       parameters             sst2 accuracy  rte accuracy  mean        time  memory
lora             74,498  0.8123 ± 0.0120 (3 of 4)             -     -  1:01 ± 2 s  612 MB
first-order           9  0.9000 ± 0.0120 (3 of 4)             -     -  1:01 ± 2 s  612 MB

Mean ± standard deviation over 4 seeds, scored on validation rows; time of a run, largest memory.
first-order against lora: gain +0.0877 (sst2 +0.0877, rte -0.0100); 95 % interval -0.0100 to +0.1000; Wilcoxon p 0.2500, after Holm 0.5000 (3 pairs, exact; none can give less than 0.2500); 1 pairs are missing, because a run failed
`,
    )
  })
})
