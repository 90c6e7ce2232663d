import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import {
  type Example,
  type FitOptions,
  type HistoryEntry,
  type ModelOptions,
  type Progress,
  TunedModel,
} from '../../lib/train/index.ts'
import { oneThread, scratch } from './scratch.ts'
import { tinyExamples } from './tiny-model.ts'

const model: ModelOptions = { device: 'cpu', maxLength: 32, threads: 1 }
const fit: FitOptions = { batchSize: 8, searchSteps: 8, retrainSteps: 15, learningRate: 0.02, logEvery: 5 }
const examples = tinyExamples(40)

describe('a training', () => {
  oneThread()
  const here = scratch('train')

  async function run<T>(options: ModelOptions, work: (tuned: TunedModel) => Promise<T>): Promise<T> {
    const rank = options.method === undefined ? { rank: 2 } : {}
    const tuned = await TunedModel.create(here.base, { ...model, ...rank, ...options })
    try {
      return await work(tuned)
    } finally {
      tuned.dispose()
    }
  }
  const readJson = (...path: string[]) => JSON.parse(readFileSync(join(...path), 'utf8'))

  it('writes the files of a run, and what it wrote loads', async () => {
    const output = join(here.folder, 'files')
    const reports: Progress[] = []
    const [report, predictions] = await run({}, async tuned => {
      const options = {
        ...fit,
        output,
        validation: tinyExamples(12),
        test: tinyExamples(14),
        dataset: 'tiny',
        evalEvery: 6,
      }
      const done = await tuned.fit(examples, options, { onProgress: progress => reports.push(progress) })
      return [done, await tuned.predict(['a free prize'])] as const
    })
    assert.deepEqual(readdirSync(output).sort(), [
      'README.md',
      'adapter_config.json',
      'adapter_model.safetensors',
      'run',
      'tokenizer.json',
      'tokenizer_config.json',
    ])
    assert.deepEqual(readdirSync(join(output, 'run')).sort(), [
      'checkpoints',
      'config.json',
      'metrics.jsonl',
      'results.json',
    ])
    assert.match(
      readFileSync(join(output, 'README.md'), 'utf8'),
      /^---\nlibrary_name: peft[\s\S]*# BiDoRA on tiny[\s\S]*\| accuracy \|/,
    )

    const { history, ...results } = report
    assert.deepEqual(readJson(output, 'run', 'results.json'), results)
    assert.deepEqual(Object.keys(results).sort(), [
      'dataset',
      'memory',
      'method',
      'metrics',
      'parameters',
      'seed',
      'steps',
      'task',
      'time',
      'truncated',
    ])
    assert.deepEqual(
      [results.dataset, results.method, results.seed, results.steps],
      ['tiny', 'bidora', 0, { search: 8, retrain: 15 }],
    )
    assert.ok(
      results.time.search > 0 &&
        results.time.retrain > 0 &&
        results.time.total >= results.time.search + results.time.retrain,
    )
    assert.ok(results.memory.peakBytes > 1e7)
    for (const part of ['validation', 'test'] as const) {
      assert.deepEqual(Object.keys(results.metrics[part]!).sort(), [
        'accuracy',
        'f1',
        'loss',
        'matthews',
        'precision',
        'recall',
      ])
    }

    const written = readFileSync(join(output, 'run', 'metrics.jsonl'), 'utf8')
    const lines = written
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as HistoryEntry)
    assert.deepEqual(lines, history)
    assert.deepEqual(
      lines.map(({ phase, step }) => [phase, step]),
      [
        ['search', 5],
        ['search', 6],
        ['search', 8],
        ['retrain', 5],
        ['retrain', 6],
        ['retrain', 10],
        ['retrain', 12],
        ['retrain', 15],
      ],
    )
    const [first, second] = lines as [HistoryEntry, HistoryEntry]
    for (const name of [
      'lowerLoss',
      'upperLoss',
      'hypergradientNorm',
      'lowerLearningRate',
      'upperLearningRate',
      'examplesPerSecond',
    ] as const) {
      assert.ok(first[name]! > 0, `${name}: ${first[name]}`)
    }
    assert.ok(second.evaluation!.accuracy! >= 0 && !('evaluation' in first))
    assert.ok(!('upperLoss' in lines[4]!))
    assert.deepEqual(lines.at(-1)!.evaluation, results.metrics.validation)

    assert.deepEqual(
      reports.map(({ phase }) => phase).filter((phase, at, all) => phase !== all[at - 1]),
      ['search', 'retrain'],
    )
    assert.deepEqual([reports.at(-1)!.step, reports.at(-1)!.steps, reports.at(-1)!.secondsLeft], [15, 15, 0])
    assert.ok(reports.some(({ checkpoint }) => checkpoint !== undefined && existsSync(checkpoint)))

    const loaded = await TunedModel.load(output, { device: 'cpu' })
    assert.deepEqual(await loaded.predict(['a free prize']), predictions)
    loaded.dispose()
  })

  it('learns: a few steps of it tell the texts apart', () =>
    run({ method: 'full' }, async tuned => {
      const report = await tuned.fit(examples, {
        batchSize: 8,
        retrainSteps: 60,
        learningRate: 0.005,
        validation: tinyExamples(60),
      })
      assert.ok(report.metrics.validation!.accuracy! > 0.95, JSON.stringify(report.metrics))
    }))

  it('learns numbers: predictions follow them closely', () =>
    run({ method: 'lora', problemType: 'regression' }, async tuned => {
      const scored = examples.map(({ text, label }) => ({ text, label: label === 'spam' ? 4.5 : 0.5 }))
      const options = { batchSize: 8, retrainSteps: 150, learningRate: 0.02, validation: scored }
      const { metrics } = await tuned.fit(scored, options)
      assert.ok(metrics.validation!.pearson! > 0.95 && metrics.validation!.mse! < 0.5, JSON.stringify(metrics))
    }))

  it('validation and test examples change no weight', async () => {
    const predictions = (options: FitOptions) =>
      run({}, async tuned => {
        await tuned.fit(examples, { ...fit, ...options })
        return tuned.predict(['a free prize', 'lunch at noon'])
      })
    const none = await predictions({})
    assert.deepEqual(await predictions({ validation: tinyExamples(9), evalEvery: 3 }), none)
    assert.deepEqual(await predictions({ test: tinyExamples(9) }), none)
  })

  it('gives the same bits in a worker thread', async () => {
    const inWorker = join(here.folder, 'worker')
    const inThread = join(here.folder, 'inThread')
    await run({}, tuned => tuned.fit(examples, { ...fit, output: inThread }))
    const module = new URL('../../lib/train/index.js', import.meta.url).href
    const program = join(here.folder, 'worker.mjs')
    writeFileSync(
      program,
      `import { TunedModel } from ${JSON.stringify(module)}
       const [base, model, examples, fit] = ${JSON.stringify([here.base, { ...model, rank: 2 }, examples, { ...fit, output: inWorker }])}
       const tuned = await TunedModel.create(base, model)
       await tuned.fit(examples, fit)
       tuned.dispose()`,
    )
    const worker = new Worker(program)
    await new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject))
    const weights = (output: string) => readFileSync(join(output, 'adapter_model.safetensors'))
    assert.ok(weights(inWorker).equals(weights(inThread)))
  })

  it('limits examples, counts cut texts, and says so', () =>
    run({ maxLength: 6, method: 'head' }, async tuned => {
      const { searchSteps: _, ...plain } = fit
      const long: Example = { text: 'the film is very very bad now', label: 'ham' }
      const report = await tuned.fit([...examples, long], {
        ...plain,
        limitTrain: 20,
        limitEval: 5,
        validation: [long, ...examples],
        test: [long, long],
      })
      const cut = examples.slice(0, 20).filter(({ text }) => text.split(' ').length > 4).length
      assert.deepEqual(report.truncated, {
        train: cut,
        validation: 1 + examples.slice(0, 4).filter(({ text }) => text.split(' ').length > 4).length,
        test: 2,
      })
      const [first, second] = await tuned.predict([long.text, 'a film'])
      assert.equal(first!.truncated, true)
      assert.equal(second!.truncated, undefined)
    }))

  it('finds labels in the rows, by number where they are numbers, and keeps them', async () => {
    const numbered = examples.map(({ text }, index) => ({ text, label: [10, 9, 2][index % 3]! }))
    const output = join(here.folder, 'numbered')
    await run({ method: 'head' }, async tuned => {
      assert.deepEqual([tuned.info.labels, tuned.info.parameters.total], [undefined, 0])
      await tuned.fit(numbered, { batchSize: 8, retrainSteps: 2, output })
      assert.deepEqual(tuned.info.labels, ['2', '9', '10'])
      assert.ok(tuned.info.parameters.total > tuned.info.parameters.trainable)
    })
    const loaded = await TunedModel.load(output, { device: 'cpu' })
    assert.deepEqual(loaded.info.labels, ['2', '9', '10'])
    const scores = await loaded.evaluate(numbered)
    assert.deepEqual(Object.keys(scores).sort(), ['accuracy', 'loss', 'macroF1', 'matthews', 'microF1'])
    loaded.dispose()
  })

  it('predictions keep their order whatever the length of the texts', () =>
    run({ labels: ['ham', 'spam'], dtype: 'float64' }, async tuned => {
      const texts = Array.from({ length: 150 }, (_, index) => 'the film is free '.repeat(1 + ((index * 7) % 5)).trim())
      const together = await tuned.predict(texts)
      for (const index of [0, 1, 77, 149]) {
        const [alone] = await tuned.predict([texts[index]!])
        assert.equal(alone!.label, together[index]!.label)
        assert.ok(Math.abs(alone!.score! - together[index]!.score!) < 1e-12)
      }
      assert.deepEqual(await tuned.predict([]), [])
    }))

  it('a second fit goes on from the first', () =>
    run({ labels: ['ham', 'spam'] }, async tuned => {
      await tuned.fit(examples, fit)
      const before = await tuned.predict(['a free prize'])
      const report = await tuned.fit(examples, { ...fit, searchSteps: 3, retrainSteps: 3 })
      assert.deepEqual(report.steps, { search: 3, retrain: 3 })
      assert.notDeepEqual(await tuned.predict(['a free prize']), before)
    }))

  it('stops between batches of an evaluation and of a prediction', () =>
    run({ labels: ['ham', 'spam'] }, async tuned => {
      const stop = { shouldStop: () => true }
      await assert.rejects(tuned.evaluate(examples, stop), /stopped/)
      await assert.rejects(tuned.predict(['a'], stop), /stopped/)
    }))
})
