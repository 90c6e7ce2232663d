import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError } from '../../lib/errors.ts'
import type { FitHooks, FitOptions, FitReport, ModelOptions } from '../../lib/train/index.ts'
import { oneThread, scratch } from './scratch.ts'
import { tinyExamples } from './tiny-model.ts'
import { assertSameRun, diesAt, fitTiny, killAt, stopAfter, weightsOf as weightsIn } from './tiny-runs.ts'

const examples = tinyExamples(60)
/** Every fourth label is wrong, so that a model which grows sure of the right ones loses by it. */
const validation = tinyExamples(15).map(({ text, label }, index) => ({
  text,
  label: index % 4 === 2 ? (label === 'ham' ? 'spam' : 'ham') : label,
}))
/*
 * A constant rate, so that a shorter run is the beginning of a longer one; dropout on. The loss falls and rises again
 * so smoothly that the place of its least value (step 24, 0.004 below its neighbours) does not hang on how a machine
 * rounds: at three times this rate it does.
 */
const options: FitOptions = {
  batchSize: 8,
  seed: 2,
  learningRate: 0.01,
  schedule: 'constant',
  warmupRatio: 0,
  retrainSteps: 36,
  logEvery: 5,
  evalEvery: 3,
  saveEvery: 4,
  keepCheckpoints: 1,
  validation,
}

describe('the best weights and the early end', function () {
  this.timeout(120_000)
  oneThread()
  const here = scratch('best')
  const place = (name: string) => join(here.folder, name)

  async function fit(
    name: string | undefined,
    more: FitOptions = {},
    hooks: FitHooks = {},
    model: ModelOptions = {},
  ): Promise<{ report: FitReport; again: Record<string, number> }> {
    const output = name === undefined ? {} : { output: place(name) }
    const { report, used } = await fitTiny(
      here.base,
      examples,
      { ...options, ...output, ...more },
      {
        model: { method: 'lora', ...model },
        hooks,
        use: tuned => tuned.evaluate(validation),
      },
    )
    return { report, again: used! }
  }

  const weightsOf = (name: string) => weightsIn(place(name))
  const assertSame = (got: string, expected: string) => assertSameRun(place(got), place(expected))
  const lossesOf = ({ history }: FitReport) =>
    history.filter(entry => entry.evaluation).map(({ step, evaluation }) => ({ step, loss: evaluation!.loss! }))

  it('loadBest: the model and the saved adapter are those of the best evaluation', async () => {
    const { report, again } = await fit('best', { loadBest: true })
    const losses = lossesOf(report)
    assert.deepEqual(
      losses.map(({ step }) => step),
      [3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 36],
    )
    const best = losses.reduce((least, entry) => (entry.loss < least.loss ? entry : least))
    assert.ok(
      best.step > 3 && best.step < 36,
      'neither the first nor the last evaluation must be the best, or the test shows nothing',
    )
    assert.deepEqual(report.best, { step: best.step, metric: 'loss' })
    assert.equal(report.metrics.validation!.loss, best.loss)
    assert.deepEqual(again, report.metrics.validation)
    await fit('shorter', { retrainSteps: best.step })
    assert.ok(weightsOf('best').equals(weightsOf('shorter')), 'the weights are those of a run that ended there')
    const results = JSON.parse(readFileSync(join(place('best'), 'run', 'results.json'), 'utf8'))
    assert.deepEqual(results.best, report.best)
    const checkpoints = readdirSync(join(place('best'), 'run', 'checkpoints')).sort()
    assert.deepEqual(checkpoints, [`step-${best.step}`, 'step-36'].sort(), 'the best and the last one stay')
  })

  it('without an output it does the same', async () => {
    const { report } = await fit(undefined, { loadBest: true })
    const { report: written } = await fit('written', { loadBest: true })
    assert.deepEqual(report.best, written.best)
    assert.deepEqual(report.metrics, written.metrics)
  })

  it('bestMetric goes upwards for accuracy, and takes the first of equal ones', async () => {
    const { report } = await fit(undefined, { loadBest: true, bestMetric: 'accuracy' })
    const scores = report.history.filter(entry => entry.evaluation)
    const most = Math.max(...scores.map(entry => entry.evaluation!.accuracy!))
    assert.ok(new Set(scores.map(entry => entry.evaluation!.accuracy)).size > 1)
    assert.equal(report.best!.step, scores.find(entry => entry.evaluation!.accuracy === most)!.step)
    assert.equal(report.metrics.validation!.accuracy, most)
  })

  it('patience ends the training after so many evaluations without a better one', async () => {
    const { report } = await fit('patient', { patience: 2 })
    const losses = lossesOf(report).map(({ loss }) => loss)
    const best = losses.indexOf(Math.min(...losses))
    assert.equal(losses.length, best + 3)
    assert.equal(report.steps.retrain, 3 * losses.length)
    assert.ok(report.steps.retrain < 36)
    assert.equal(report.best, undefined)
    assert.equal(report.metrics.validation!.loss, losses.at(-1))
    await fit('as-long', { retrainSteps: report.steps.retrain })
    assert.ok(weightsOf('patient').equals(weightsOf('as-long')), 'without loadBest the last weights stay')
  })

  it('minDelta: smaller steps for the better do not count', async () => {
    const { report } = await fit(undefined, { patience: 1, minDelta: 100 })
    assert.equal(report.steps.retrain, 6)
  })

  it('killed anywhere and resumed, it ends with the same bits', async () => {
    const watched = { loadBest: true, patience: 3 }
    const { report: whole } = await fit('whole', watched)
    assert.ok(whole.steps.retrain < 36)
    for (const wanted of [2, 5, 9, 13, 16]) {
      const name = `killed-${wanted}`
      const more = { ...watched, resume: true }
      await diesAt(wanted, hooks => fit(name, more, hooks))
      const { report } = await fit(name, more)
      assertSame(name, 'whole')
      assert.deepEqual([report.best, report.metrics, report.steps], [whole.best, whole.metrics, whole.steps])
    }
  })

  it('stopped anywhere, in an evaluation too, and resumed, it ends with the same bits', async () => {
    const watched = { loadBest: true, patience: 3 }
    for (const questions of [5, 11, 20, 33]) {
      const name = `stopped-${questions}`
      await stopAfter(questions, hooks => fit(name, watched, hooks))
      await fit(name, { ...watched, resume: true })
      assertSame(name, 'whole')
    }
  })

  it('a finished run that ended early gives its report again', async () => {
    const { report } = await fit('whole', { loadBest: true, patience: 3, resume: true })
    assert.equal(report.best!.step, lossesOf(report).at(-4)!.step)
    assert.equal(report.steps.retrain, report.history.at(-1)!.step)
  })

  it('two levels: the retraining is watched, not the search', async () => {
    const model = { method: 'bidora' } as const
    const more = { loadBest: true, patience: 2, searchSteps: 6, repeats: 2, retrainSteps: 15 }
    const { report, again } = await fit('two-levels', more, {}, model)
    const parts = [undefined, 2].map(part =>
      report.history.filter(entry => entry.phase === 'retrain' && entry.part === part),
    )
    for (const lines of parts) assert.ok(lines.at(-1)!.evaluation, 'each retraining ends with an evaluation')
    const last = parts[1]!.filter(entry => entry.evaluation)
    const best = last.reduce((least, entry) => (entry.evaluation!.loss! < least.evaluation!.loss! ? entry : least))
    assert.equal(report.best!.step, best.step)
    assert.deepEqual(again, best.evaluation)
    await killAt(9, hooks => fit('two-levels-killed', more, hooks, model))
    await fit('two-levels-killed', { ...more, resume: true }, {}, model)
    assertSame('two-levels-killed', 'two-levels')
  })

  it('refuses what means nothing, before anything is written', async () => {
    const refusal = async (more: FitOptions, pattern: RegExp) => {
      await assert.rejects(fit('refused', more), (error: unknown) => {
        assert.ok(error instanceof ConfigError, String(error))
        assert.match(error.message, pattern)
        return true
      })
    }
    await refusal({ loadBest: true, validation: undefined }, /goes by validation examples, and there are none/)
    await refusal({ patience: 2, validation: undefined }, /patience goes by validation examples/)
    await refusal({ loadBest: true, bestMetric: 'pearson' }, /must be a score of this task \(loss, accuracy/)
    await refusal({ loadBest: true, evalEvery: 0 }, /needs more than one evaluation; give evalEvery/)
    await refusal({ bestMetric: 'f1' }, /read by loadBest and patience/)
    await refusal({ minDelta: 0.1, loadBest: true }, /read by patience/)
    assert.ok(!existsSync(place('refused')))
  })
})
