import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BiDoRA } from '../../lib/index.ts'
import { toBatch } from '../../lib/models/index.ts'
import { ones, scope } from '../../lib/torch.ts'
import { type FitHooks, type FitOptions, type FitReport, type ModelOptions, TunedModel } from '../../lib/train/index.ts'
import { tinyExamples, tinyModel } from '../e2e/tiny-model.ts'
import { describeOnDevice, device } from './device.ts'
import { adaptedModel, searchRound } from './search-round.ts'

/**
 * What is allowed, of the largest absolute value of a tensor: for hypergradients by method, for losses, gradients and
 * new parameters. The reference is the CPU's float64 for both dtypes, and float32 keeps to this on the CPU too.
 */
const tolerances = {
  float64: { rest: 1e-10, 'first-order': 1e-10, exact: 1e-10, 'finite-difference': 1e-8 },
  float32: { rest: 1e-4, 'first-order': 1e-4, exact: 1e-4, 'finite-difference': 2e-3 },
} as const

describeOnDevice('a search round against the CPU', function () {
  this.timeout(120_000)
  for (const method of ['first-order', 'finite-difference', 'exact'] as const) {
    for (const dtype of ['float64', 'float32'] as const) {
      it(`${method}, ${dtype}`, () => {
        const expected = searchRound(method, { device: 'cpu', dtype: 'float64' })
        const got = searchRound(method, { device, dtype })
        assert.deepEqual([...got.keys()], [...expected.keys()])
        for (const [name, values] of expected) {
          const tolerance = tolerances[dtype][name.startsWith('hypergradient') ? method : 'rest']
          const bound = tolerance * Math.max(...values.map(Math.abs))
          const difference = Math.max(...values.map((value, i) => Math.abs(value - got.get(name)![i]!)))
          assert.ok(difference <= bound, `${name}: differs by ${difference}, allowed ${bound}`)
        }
      })
    }
  }

  it('twice gives the same bits', () => {
    const place = { device, dtype: 'float32' } as const
    assert.deepEqual(searchRound('finite-difference', place), searchRound('finite-difference', place))
  })

  it('a foreign token is refused before it reaches the device, which stays usable', () => {
    const model = adaptedModel({ device, dtype: 'float32' })
    const forward = (token: bigint) =>
      scope(() => {
        const arrays = { inputIds: BigInt64Array.of(token), attentionMask: BigInt64Array.of(1n) }
        return model.forward(toBatch({ layout: 'padded', shape: [1, 1], ...arrays }, device)).logits.tolist()
      })
    assert.throws(() => forward(20n), { code: 'FOREIGN_TOKEN' })
    assert.ok((forward(19n) as number[][])[0]!.every(Number.isFinite))
    model.dispose()
  })
})

class Killed extends Error {}

describeOnDevice('training', function () {
  this.timeout(300_000)
  const examples = tinyExamples(60)
  const validation = tinyExamples(12)
  /** Several epochs, evaluations and checkpoints that do not fall on the same steps. */
  const options: FitOptions = {
    batchSize: 8,
    searchSteps: 13,
    unrollSteps: 2,
    retrainSteps: 12,
    learningRate: 0.02,
    logEvery: 4,
    evalEvery: 7,
    saveEvery: 5,
    validation,
  }
  let base: string
  let calm: string
  let folder: string
  before(() => {
    base = tinyModel()
    calm = withoutDropout(tinyModel())
    folder = mkdtempSync(join(tmpdir(), 'bidora-gpu-'))
  })
  after(() => {
    for (const path of [base, calm, folder]) rmSync(path, { recursive: true })
  })

  async function fit(output: string, more: FitOptions = {}, hooks: FitHooks = {}): Promise<FitReport> {
    const tuned = await TunedModel.create(base, { device, maxLength: 32, rank: 2, loraDropout: 0.1 })
    try {
      assert.ok(tuned.info.device.startsWith(device))
      return await tuned.fit(examples, { ...options, ...more, output }, hooks)
    } finally {
      tuned.dispose()
    }
  }

  const weightsOf = (output: string) => readFileSync(join(output, 'adapter_model.safetensors'))

  it('the same seed twice gives the same bits', async () => {
    const [first, second] = [join(folder, 'whole'), join(folder, 'twice')]
    const report = await fit(first)
    assert.equal(report.steps.search, 13)
    assert.ok(report.memory.peakBytes > 0)
    await fit(second)
    assert.ok(weightsOf(second).equals(weightsOf(first)), 'the weights differ')
  })

  for (const [phase, reports] of [
    ['search', 2],
    ['retraining', 6],
  ] as const) {
    it(`a run killed in ${phase} resumes to the same bits, dropout on`, async () => {
      const output = join(folder, phase)
      let seen = 0
      const onProgress = () => {
        if (++seen === reports) throw new Killed()
      }
      await assert.rejects(fit(output, {}, { onProgress }), Killed)
      await fit(output, { resume: true })
      assert.ok(weightsOf(output).equals(weightsOf(join(folder, 'whole'))), 'the weights differ')
    })
  }

  it('search and retraining go as on the CPU (float64, dropout off)', async () => {
    const start = join(folder, 'start')
    const settings: ModelOptions = { dtype: 'float64', maxLength: 32, rank: 2, loraDropout: 0 }
    // Adapters are drawn on their device: both sides read one start instead.
    const made = await TunedModel.create(calm, { ...settings, device: 'cpu' })
    await made.fit(examples, { batchSize: 8, searchSteps: 1, retrainSteps: 1, output: start })
    made.dispose()
    const run = async (where: string): Promise<{ losses: number[]; scores: readonly number[] }> => {
      const tuned = await TunedModel.load(start, { device: where, dtype: 'float64' })
      try {
        const { history } = await tuned.fit(examples, { ...options, logEvery: 1 })
        const predicted = await tuned.predict(validation.map(({ text }) => text))
        const losses = history.flatMap(({ lowerLoss, upperLoss, hypergradientNorm }) =>
          [lowerLoss, upperLoss, hypergradientNorm].filter(value => value !== undefined),
        )
        return { losses, scores: predicted.flatMap(({ scores }) => Object.values(scores ?? {})) }
      } finally {
        tuned.dispose()
      }
    }
    const [expected, got] = [await run('cpu'), await run(device)]
    assert.ok(expected.losses.length > 25)
    for (const part of ['losses', 'scores'] as const) {
      assert.equal(got[part].length, expected[part].length)
      expected[part].forEach((value, i) => {
        const difference = Math.abs(got[part][i]! - value)
        assert.ok(difference <= 1e-6 * Math.max(1, Math.abs(value)), `${part}[${i}]: ${got[part][i]} is not ${value}`)
      })
    }
  })

  it('what was tuned on the device predicts the same on the CPU, saved or merged', async () => {
    const merged = join(folder, 'merged')
    const texts = validation.map(({ text }) => text)
    const scoresOf = async (from: string, where: string): Promise<number[]> => {
      const tuned = await TunedModel.load(from, { device: where })
      try {
        if (where === device && from !== merged) await tuned.merge(merged)
        return (await tuned.predict(texts)).flatMap(({ scores }) => Object.values(scores ?? {}))
      } finally {
        tuned.dispose()
      }
    }
    const there = await scoresOf(join(folder, 'whole'), device)
    for (const from of [join(folder, 'whole'), merged]) {
      const here = await scoresOf(from, 'cpu')
      assert.equal(here.length, there.length)
      here.forEach((score, i) => assert.ok(Math.abs(score - there[i]!) <= 1e-5, `${from}: ${score}, ${there[i]}`))
    }
  })

  it('the service trains on the device in its worker, and this thread can use it meanwhile', async () => {
    await using model = await BiDoRA.fromPretrained(base, { labels: ['ham', 'spam'], rank: 2, device, threads: 1 })
    const fitting = model.fit(examples, { batchSize: 8, searchSteps: 8, retrainSteps: 8 })
    scope(() =>
      assert.equal(
        ones([64, 64], { device })
          .matmul(ones([64, 64], { device }))
          .sum()
          .item(),
        64 ** 3,
      ),
    )
    const report = await fitting
    assert.equal(report.steps.retrain, 8)
    assert.equal((await model.predict(['free prize', 'lunch at noon'])).length, 2)
  })
})

function withoutDropout(model: string): string {
  const config = join(model, 'config.json')
  const text = readFileSync(config, 'utf8').replace(/_dropout_prob":0\.1/g, '_dropout_prob":0')
  assert.match(text, /_dropout_prob":0,/)
  writeFileSync(config, text)
  return model
}
