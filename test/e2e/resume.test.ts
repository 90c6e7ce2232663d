import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { AbortError, ConfigError } from '../../lib/errors.ts'
import { type Example, type FitHooks, type FitOptions, type ModelOptions, TunedModel } from '../../lib/train/index.ts'
import { oneThread, scratch } from './scratch.ts'
import { tinyExamples } from './tiny-model.ts'
import {
  assertSameRun as assertSame,
  fitTiny,
  killAt,
  metricsOf,
  stopAfter,
  stopsAfter,
  weightsOf,
} from './tiny-runs.ts'

const examples = tinyExamples(60)
const validation = tinyExamples(12)
/** Dropout on, several epochs, lines, evaluations and checkpoints that do not fall on the same steps. */
const options: FitOptions = {
  batchSize: 8,
  searchSteps: 21,
  unrollSteps: 2,
  retrainSteps: 20,
  learningRate: 0.02,
  logEvery: 4,
  evalEvery: 7,
  saveEvery: 5,
  validation,
}

describe('resume', function () {
  this.timeout(120_000)
  oneThread()
  const here = scratch('resume')
  const place = (name: string) => join(here.folder, name)

  async function fit(
    output: string,
    more: FitOptions = {},
    hooks: FitHooks = {},
    model: ModelOptions = {},
  ): Promise<unknown> {
    const given = { ...options, ...more, output }
    const {
      time: _,
      memory: __,
      history,
      ...report
    } = (await fitTiny(here.base, examples, given, { model, hooks })).report
    return { ...report, history: history.map(entry => ({ ...entry, examplesPerSecond: undefined })) }
  }

  const killAfter = (output: string, wanted: number, more: FitOptions = {}) =>
    killAt(wanted, hooks => fit(output, more, hooks))

  it('the same seed twice gives the same bits, another seed others', async () => {
    const [first, second, other] = ['whole', 'twice', 'other'].map(name => place(name)) as [string, string, string]
    const report = await fit(first)
    assert.deepEqual(await fit(second), report)
    assertSame(second, first)
    await fit(other, { seed: 1 })
    assert.ok(!weightsOf(other).equals(weightsOf(first)))
    const phases = metricsOf(first).map(line => (line as { phase: string }).phase)
    assert.deepEqual([...new Set(phases)], ['search', 'retrain'])
    assert.equal(JSON.parse(readFileSync(join(first, 'run', 'results.json'), 'utf8')).steps.search, 21)
  })

  for (const [where, reports] of [
    ['before the first checkpoint', 1],
    ['in the search', 4],
    ['late in the search', 8],
    ['at the end of the search', 11],
    ['in the retraining', 14],
    ['at the end', 18],
  ] as const) {
    it(`a run killed ${where} and resumed ends with the same bits`, async () => {
      const output = place(`killed-${reports}`)
      await killAfter(output, reports)
      await fit(output, { resume: true })
      assertSame(output, place('whole'))
    })
  }

  it('a run killed and resumed several times does, too', async () => {
    const output = place('killed-often')
    for (let time = 0; time < 5; time++) await killAfter(output, 4, { resume: true })
    await fit(output, { resume: true })
    assertSame(output, place('whole'))
  })

  for (const questions of [3, 9, 11, 13, 20, 30, 34]) {
    it(`a run stopped at question ${questions} writes a checkpoint, says where, and goes on to the same bits`, async () => {
      const output = place(`stopped-${questions}`)
      const error = await stopAfter(questions, hooks => fit(output, {}, hooks))
      assert.ok(existsSync(join(error.details.checkpoint as string, 'state.json')))
      assert.match(error.message, /go on with resume/)
      await fit(output, { resume: true })
      assertSame(output, place('whole'))
    })
  }

  it('stopped in the evaluation of the test examples: goes on from the last checkpoint', async () => {
    const output = place('stopped-test')
    let done = false
    const stop = {
      onProgress: ({ phase, step }: { phase: string; step: number }) =>
        void (done ||= phase === 'retrain' && step === 20),
      shouldStop: () => done,
    }
    await assert.rejects(fit(output, { test: validation }, stop), (error: unknown) => {
      assert.ok(error instanceof AbortError)
      return existsSync(error.details.checkpoint as string)
    })
    const report = (await fit(output, { test: validation, resume: true })) as { metrics: { test: object } }
    assert.ok(report.metrics.test)
    assertSame(output, place('whole'))
  })

  it('stopped without an output: no checkpoint, and the sentence says so', async () => {
    const tuned = await TunedModel.create(here.base, { device: 'cpu', rank: 2 })
    let asked = 0
    await assert.rejects(tuned.fit(examples, options, { shouldStop: () => ++asked > 9 }), (error: unknown) => {
      assert.ok(error instanceof AbortError)
      assert.equal(error.details.checkpoint, undefined)
      assert.match(error.message, /nothing was saved/)
      return true
    })
    tuned.dispose()
  })

  const short: FitOptions = { searchSteps: 6, retrainSteps: 4, logEvery: 2, evalEvery: 3, saveEvery: 2 }
  const variants: Record<string, FitOptions> = {
    'the best of each of two folds, made twice': {
      ...short,
      folds: 2,
      repeats: 2,
      magnitudes: 'best',
      chooseEvery: 1,
      searchSteps: 4,
      retrainSteps: 2,
    },
    'an average of steps that are rolled back, accumulated at both levels': {
      ...short,
      magnitudes: 'average',
      averageFraction: 1,
      rollBack: true,
      accumulation: 2,
      batchSize: 3,
      upperAccumulation: 3,
    },
    'sama after a delay, directions kept, magnitudes trained on': {
      ...short,
      hypergradient: 'sama',
      unrollSteps: 1,
      upperDelaySteps: 3,
      directionsFrom: 'searched',
      headFrom: 'start',
      retrainMagnitudes: true,
    },
    'a search alone, its best point': {
      ...short,
      retrain: false,
      retrainSteps: undefined,
      magnitudes: 'best',
      hypergradient: 'exact',
    },
  }
  for (const [index, [name, more]] of Object.entries(variants).entries()) {
    it(`${name}: killed or stopped anywhere and resumed ends with the same bits`, async () => {
      const within = (what: string) => place(`variant-${index}-${what}`)
      await fit(within('whole'), more)
      const lines = metricsOf(within('whole')).length
      for (let wanted = 1; wanted <= lines; wanted += 3) {
        const output = within(`killed-${wanted}`)
        await killAfter(output, wanted, more)
        await fit(output, { ...more, resume: true })
        assertSame(output, within('whole'))
      }
      let questions = 1
      for (; ; questions += 7) {
        const output = within(`stopped-${questions}`)
        if (!(await stopsAfter(questions, hooks => fit(output, more, hooks)))) break // there were fewer questions
        await fit(output, { ...more, resume: true })
        assertSame(output, within('whole'))
      }
      assert.ok(questions > 6, `${questions}`)
    })
  }

  for (const method of ['dora', 'full'] as const) {
    it(`one level (${method}): killed and resumed ends with the same bits`, async () => {
      const { searchSteps: _, unrollSteps: __, ...rest } = options
      const run = (output: string, more: FitOptions, hooks: FitHooks = {}) =>
        fitTiny(here.base, examples, { ...rest, ...more, output }, { model: { method }, hooks })
      const [whole, killed] = [place(`${method}-whole`), place(`${method}-killed`)]
      await run(whole, {})
      await killAt(5, hooks => run(killed, {}, hooks))
      await run(killed, { resume: true })
      assertSame(killed, whole)
    })
  }

  it('AdaLoRA: killed anywhere and resumed takes the same ranks and ends with the same bits', async () => {
    const { searchSteps: _, unrollSteps: __, ...rest } = options
    const model = { method: 'adalora', initialRank: 4 } as const
    const run = (output: string, more: FitOptions, hooks: FitHooks = {}) =>
      fitTiny(here.base, examples, { ...rest, tinit: 2, tfinal: 6, deltaT: 3, ...more, output }, { model, hooks })
    const within = (what: string) => place(`adalora-${what}`)
    await run(within('whole'), {})
    for (const wanted of [1, 3, 5, 7]) {
      const output = within(`killed-${wanted}`)
      await killAt(wanted, hooks => run(output, {}, hooks))
      await run(output, { resume: true })
      assertSame(output, within('whole'))
    }
  })

  for (const method of ['bidora', 'lora'] as const) {
    it(`a regression (${method}), whose head starts at the mean: killed anywhere and resumed ends with the same bits`, async () => {
      const { searchSteps, unrollSteps, ...rest } = options
      const scores = (rows: readonly Example[]) => rows.map(({ text }, index) => ({ text, label: 2 + (index % 3) / 2 }))
      const levels = method === 'bidora' ? { searchSteps, unrollSteps } : {}
      const run = (output: string, more: FitOptions, hooks: FitHooks = {}) => {
        const given = { ...rest, ...levels, validation: scores(validation), ...more, output }
        return fitTiny(here.base, scores(examples), given, { model: { method, problemType: 'regression' }, hooks })
      }
      const within = (what: string) => place(`regression-${method}-${what}`)
      await run(within('whole'), {})
      for (const wanted of method === 'bidora' ? [1, 4, 9, 12, 16] : [1, 3, 6]) {
        const output = within(`killed-${wanted}`)
        await killAt(wanted, hooks => run(output, {}, hooks))
        await run(output, { resume: true })
        assertSame(output, within('whole'))
      }
    })
  }

  it('a torn checkpoint is passed over for the one before, to the same bits', async () => {
    const output = place('torn')
    await killAfter(output, 8)
    const checkpoints = join(output, 'run', 'checkpoints')
    const newest = readdirSync(checkpoints).sort((a, b) => Number(b.slice(5)) - Number(a.slice(5)))[0]!
    truncateSync(join(checkpoints, newest, 'tensors.safetensors'), 100)
    const warned = new Promise<Error>(resolve => process.once('warning', resolve))
    await fit(output, { resume: true })
    assert.match((await warned).message, /is passed over/)
    assertSame(output, place('whole'))
  })

  it('a finished run that is resumed gives its report again', async () => {
    const output = place('finished')
    cpSync(place('whole'), output, { recursive: true })
    const report = (await fit(output, { resume: true })) as { metrics: object; steps: object }
    assertSame(output, place('whole'))
    const results = JSON.parse(readFileSync(join(place('whole'), 'run', 'results.json'), 'utf8'))
    assert.deepEqual(report.metrics, results.metrics)
    assert.deepEqual(report.steps, results.steps)
  })

  it('resume with nothing to go on from begins at the start', async () => {
    const output = place('nothing')
    await fit(output, { resume: true })
    assertSame(output, place('whole'))
  })

  it('settings that the weights do not depend on may change', async () => {
    const output = place('free')
    await killAfter(output, 4)
    await fit(output, { resume: true, saveEvery: 3, keepCheckpoints: 1 })
    assertSame(output, place('whole'))
    assert.equal(readdirSync(join(output, 'run', 'checkpoints')).length, 1)
  })

  describe('refuses', () => {
    const refusal = async (work: Promise<unknown>, code: string): Promise<string> => {
      const error = await work.then(
        () => assert.fail('expected a ConfigError'),
        (reason: unknown) => reason,
      )
      assert.ok(error instanceof ConfigError, String(error))
      assert.equal(error.code, code)
      return error.message
    }
    let output: string
    before(async () => {
      output = place('refusing')
      await killAfter(output, 4)
    })

    it('other settings, naming them', async () => {
      const message = await refusal(fit(output, { resume: true, batchSize: 4, upperClip: 0.5 }), 'RESUME_CHANGED')
      assert.match(message, /batchSize \(was 8, is 4\), upperBatchSize \(was 4, is 2\), upperClip \(was 1, is 0.5\)/)
    })

    it('another rank', async () => {
      assert.match(
        await refusal(fit(output, { resume: true }, {}, { rank: 3 }), 'RESUME_CHANGED'),
        /rank \(was 2, is 3\)/,
      )
    })

    it('other examples and other validation examples', async () => {
      const changed: Example[] = [...validation.slice(1), { text: 'a bad film', label: 'ham' }]
      assert.match(
        await refusal(fit(output, { resume: true, validation: changed }), 'RESUME_CHANGED'),
        /the validation examples/,
      )
      const tuned = await TunedModel.create(here.base, { device: 'cpu', maxLength: 32, rank: 2, loraDropout: 0.1 })
      const fewer = tuned.fit(examples.slice(2), { ...options, output, resume: true })
      assert.match(await refusal(fewer, 'RESUME_CHANGED'), /the training examples/)
      tuned.dispose()
    })

    it('another pretrained model', async () => {
      const config = join(here.base, 'config.json')
      const text = readFileSync(config, 'utf8')
      writeFileSync(config, text.replace('"hidden_dropout_prob":0.1', '"hidden_dropout_prob":0.2'))
      try {
        assert.match(await refusal(fit(output, { resume: true }), 'RESUME_CHANGED'), /the pretrained model/)
      } finally {
        writeFileSync(config, text)
      }
    })

    it('to begin anew over an unfinished run, but not over a finished one', async () => {
      assert.match(await refusal(fit(output), 'RUN_UNFINISHED'), /go on with resume, or remove/)
      const finished = place('over')
      cpSync(place('whole'), finished, { recursive: true })
      await fit(finished, { seed: 1 })
      assert.ok(weightsOf(finished).equals(weightsOf(place('other'))))
    })

    it('to go on from damaged checkpoints only', async () => {
      const damaged = place('damaged')
      cpSync(output, damaged, { recursive: true })
      const checkpoints = join(damaged, 'run', 'checkpoints')
      for (const name of readdirSync(checkpoints)) rmSync(join(checkpoints, name, 'state.json'))
      assert.match(await refusal(fit(damaged, { resume: true }), 'RUN_DAMAGED'), /remove that folder/)
      assert.ok(readdirSync(checkpoints).length > 0)
    })

    it('an output that cannot be written', async () => {
      const file = place('a-file')
      writeFileSync(file, '')
      await assert.rejects(
        fit(join(file, 'run')),
        /expected to write the run, got .*check the path and its permissions/,
      )
      assert.equal(readFileSync(file, 'utf8'), '')
    })

    it('none of these has harmed the run', async () => {
      await fit(output, { resume: true })
      assertSame(output, place('whole'))
    })
  })

  it('a process ended by SIGKILL resumes to the same bits', async () => {
    const output = place('sigkill')
    const program = place('fit.mjs')
    const module = new URL('../../lib/train/index.js', import.meta.url).href
    writeFileSync(
      program,
      `import { TunedModel } from ${JSON.stringify(module)}
       const [base, settings, examples, options] = ${JSON.stringify([here.base, { device: 'cpu', maxLength: 32, rank: 2, loraDropout: 0.1, threads: 1 }, examples, { ...options, output }])}
       const model = await TunedModel.create(base, settings)
       await model.fit(examples, options)`,
    )
    const child = spawn(process.execPath, [program], { stdio: 'inherit' })
    const checkpoints = join(output, 'run', 'checkpoints')
    const ended = new Promise(resolve => child.once('exit', resolve))
    while (
      child.exitCode === null &&
      !(existsSync(checkpoints) && readdirSync(checkpoints).some(name => name.startsWith('step-')))
    ) {
      await setTimeout(2)
    }
    child.kill('SIGKILL')
    await ended
    await fit(output, { resume: true })
    assertSame(output, place('whole'))
  })
})
