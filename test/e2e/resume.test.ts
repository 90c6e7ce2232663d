import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { AbortError, ConfigError } from '../../lib/errors.ts'
import { getNumThreads, setNumThreads } from '../../lib/tensor/index.ts'
import { type Example, type FitHooks, type FitOptions, type ModelOptions, TunedModel } from '../../lib/train/index.ts'
import { tinyExamples, tinyModel } from './tiny-model.ts'

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

class Killed extends Error {}

/** Lines of metrics.jsonl without the one field that the clock decides. */
function metricsOf(output: string): unknown[] {
  const lines = readFileSync(join(output, 'run', 'metrics.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
  return lines.map(line => ({ ...(JSON.parse(line) as object), examplesPerSecond: undefined }))
}

function weightsOf(output: string): Buffer {
  const file = ['adapter_model.safetensors', 'model.safetensors'].find(name => existsSync(join(output, name)))
  assert.ok(file, `no weights in ${output}`)
  return readFileSync(join(output, file))
}

describe('resume', function () {
  this.timeout(120_000)
  let base: string
  let folder: string
  let threads: number
  before(() => {
    threads = getNumThreads()
    setNumThreads(1) // nothing here is large enough for two
    base = tinyModel()
    folder = mkdtempSync(join(tmpdir(), 'bidora-resume-'))
  })
  after(() => {
    setNumThreads(threads)
    for (const path of [base, folder]) rmSync(path, { recursive: true })
  })

  async function fit(
    output: string,
    more: FitOptions = {},
    hooks: FitHooks = {},
    model: ModelOptions = {},
  ): Promise<unknown> {
    const adapted = model.method === 'full' ? {} : { rank: 2, loraDropout: 0.1 }
    const tuned = await TunedModel.create(base, { device: 'cpu', maxLength: 32, ...adapted, ...model })
    try {
      const {
        time: _,
        memory: __,
        history,
        ...report
      } = await tuned.fit(examples, { ...options, ...more, output }, hooks)
      return { ...report, history: history.map(entry => ({ ...entry, examplesPerSecond: undefined })) }
    } finally {
      tuned.dispose()
    }
  }

  /** Runs until `wanted` reports of progress are in, and then dies without any notice. */
  async function killAfter(
    output: string,
    wanted: number,
    more: FitOptions = {},
    model: ModelOptions = {},
  ): Promise<void> {
    let reports = 0
    const onProgress = () => {
      if (++reports === wanted) throw new Killed()
    }
    await assert.rejects(fit(output, more, { onProgress }, model), Killed)
  }

  /** Stops at the request after so many questions whether to stop. */
  async function stopAfter(output: string, questions: number, more: FitOptions = {}): Promise<AbortError> {
    let asked = 0
    const error = await fit(output, more, { shouldStop: () => ++asked > questions }).then(
      () => assert.fail('expected an AbortError'),
      (reason: unknown) => reason,
    )
    assert.ok(error instanceof AbortError, String(error))
    return error
  }

  function assertSame(resumed: string, whole: string): void {
    assert.ok(weightsOf(resumed).equals(weightsOf(whole)), 'the weights differ')
    assert.deepEqual(metricsOf(resumed), metricsOf(whole))
  }

  it('the same seed twice gives the same bits, another seed others', async () => {
    const [first, second, other] = ['whole', 'twice', 'other'].map(name => join(folder, name)) as [
      string,
      string,
      string,
    ]
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
      const output = join(folder, `killed-${reports}`)
      await killAfter(output, reports)
      await fit(output, { resume: true })
      assertSame(output, join(folder, 'whole'))
    })
  }

  it('a run killed and resumed several times does, too', async () => {
    const output = join(folder, 'killed-often')
    for (let time = 0; time < 5; time++) await killAfter(output, 4, { resume: true })
    await fit(output, { resume: true })
    assertSame(output, join(folder, 'whole'))
  })

  for (const questions of [3, 9, 11, 13, 20, 30, 34]) {
    it(`a run stopped at question ${questions} writes a checkpoint, says where, and goes on to the same bits`, async () => {
      const output = join(folder, `stopped-${questions}`)
      const error = await stopAfter(output, questions)
      assert.ok(existsSync(join(error.details.checkpoint as string, 'state.json')))
      assert.match(error.message, /go on with resume/)
      await fit(output, { resume: true })
      assertSame(output, join(folder, 'whole'))
    })
  }

  it('stopped in the evaluation of the test examples: goes on from the last checkpoint', async () => {
    const output = join(folder, 'stopped-test')
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
    assertSame(output, join(folder, 'whole'))
  })

  it('stopped without an output: no checkpoint, and the sentence says so', async () => {
    const tuned = await TunedModel.create(base, { device: 'cpu', rank: 2 })
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
      const place = (what: string) => join(folder, `variant-${index}-${what}`)
      await fit(place('whole'), more)
      const lines = metricsOf(place('whole')).length
      for (let wanted = 1; wanted <= lines; wanted += 3) {
        const output = place(`killed-${wanted}`)
        await killAfter(output, wanted, more)
        await fit(output, { ...more, resume: true })
        assertSame(output, place('whole'))
      }
      let questions = 1
      for (let isStopped = true; isStopped; questions += 7) {
        const output = place(`stopped-${questions}`)
        isStopped = await stopAfter(output, questions, more).then(
          () => true,
          () => false, // there were fewer questions
        )
        if (!isStopped) break
        await fit(output, { ...more, resume: true })
        assertSame(output, place('whole'))
      }
      assert.ok(questions > 6, `${questions}`)
    })
  }

  for (const method of ['dora', 'full'] as const) {
    it(`one level (${method}): killed and resumed ends with the same bits`, async () => {
      const { searchSteps: _, unrollSteps: __, ...rest } = options
      const run = async (output: string, more: FitOptions, hooks: FitHooks = {}) => {
        const tuned = await TunedModel.create(base, { device: 'cpu', method })
        try {
          await tuned.fit(examples, { ...rest, ...more, output }, hooks)
        } finally {
          tuned.dispose()
        }
      }
      const [whole, killed] = [join(folder, `${method}-whole`), join(folder, `${method}-killed`)]
      await run(whole, {})
      let reports = 0
      const die = () => {
        if (++reports === 5) throw new Killed()
      }
      await assert.rejects(run(killed, {}, { onProgress: die }), Killed)
      await run(killed, { resume: true })
      assertSame(killed, whole)
    })
  }

  it('a torn checkpoint is passed over for the one before, to the same bits', async () => {
    const output = join(folder, 'torn')
    await killAfter(output, 8)
    const checkpoints = join(output, 'run', 'checkpoints')
    const newest = readdirSync(checkpoints).sort((a, b) => Number(b.slice(5)) - Number(a.slice(5)))[0]!
    truncateSync(join(checkpoints, newest, 'tensors.safetensors'), 100)
    const warned = new Promise<Error>(resolve => process.once('warning', resolve))
    await fit(output, { resume: true })
    assert.match((await warned).message, /is passed over/)
    assertSame(output, join(folder, 'whole'))
  })

  it('a finished run that is resumed gives its report again', async () => {
    const output = join(folder, 'finished')
    cpSync(join(folder, 'whole'), output, { recursive: true })
    const report = (await fit(output, { resume: true })) as { metrics: object; steps: object }
    assertSame(output, join(folder, 'whole'))
    const results = JSON.parse(readFileSync(join(folder, 'whole', 'run', 'results.json'), 'utf8'))
    assert.deepEqual(report.metrics, results.metrics)
    assert.deepEqual(report.steps, results.steps)
  })

  it('resume with nothing to go on from begins at the start', async () => {
    const output = join(folder, 'nothing')
    await fit(output, { resume: true })
    assertSame(output, join(folder, 'whole'))
  })

  it('settings that the weights do not depend on may change', async () => {
    const output = join(folder, 'free')
    await killAfter(output, 4)
    await fit(output, { resume: true, saveEvery: 3, keepCheckpoints: 1 })
    assertSame(output, join(folder, 'whole'))
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
      output = join(folder, 'refusing')
      await killAfter(output, 4)
    })

    it('other settings, naming them', async () => {
      const message = await refusal(fit(output, { resume: true, batchSize: 4, radius: 0.5 }), 'RESUME_CHANGED')
      assert.match(message, /radius \(was 0.01, is 0.5\), batchSize \(was 8, is 4\)/)
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
      const tuned = await TunedModel.create(base, { device: 'cpu', maxLength: 32, rank: 2, loraDropout: 0.1 })
      const fewer = tuned.fit(examples.slice(2), { ...options, output, resume: true })
      assert.match(await refusal(fewer, 'RESUME_CHANGED'), /the training examples/)
      tuned.dispose()
    })

    it('another pretrained model', async () => {
      const config = join(base, 'config.json')
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
      const finished = join(folder, 'over')
      cpSync(join(folder, 'whole'), finished, { recursive: true })
      await fit(finished, { seed: 1 })
      assert.ok(weightsOf(finished).equals(weightsOf(join(folder, 'other'))))
    })

    it('to go on from damaged checkpoints only', async () => {
      const damaged = join(folder, 'damaged')
      cpSync(output, damaged, { recursive: true })
      const checkpoints = join(damaged, 'run', 'checkpoints')
      for (const name of readdirSync(checkpoints)) rmSync(join(checkpoints, name, 'state.json'))
      assert.match(await refusal(fit(damaged, { resume: true }), 'RUN_DAMAGED'), /remove that folder/)
      assert.ok(readdirSync(checkpoints).length > 0)
    })

    it('an output that cannot be written', async () => {
      const file = join(folder, 'a-file')
      writeFileSync(file, '')
      await assert.rejects(
        fit(join(file, 'run')),
        /expected to write the run, got .*check the path and its permissions/,
      )
      assert.equal(readFileSync(file, 'utf8'), '')
    })

    it('none of these has harmed the run', async () => {
      await fit(output, { resume: true })
      assertSame(output, join(folder, 'whole'))
    })
  })

  it('a process ended by SIGKILL resumes to the same bits', async () => {
    const output = join(folder, 'sigkill')
    const program = join(folder, 'fit.mjs')
    const module = new URL('../../lib/train/index.js', import.meta.url).href
    writeFileSync(
      program,
      `import { TunedModel } from ${JSON.stringify(module)}
       const [base, settings, examples, options] = ${JSON.stringify([base, { device: 'cpu', maxLength: 32, rank: 2, loraDropout: 0.1, threads: 1 }, examples, { ...options, output }])}
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
    assertSame(output, join(folder, 'whole'))
  })
})
