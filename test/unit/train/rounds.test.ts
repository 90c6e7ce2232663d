import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { grad, noGrad } from '../../../lib/autograd/index.ts'
import * as ops from '../../../lib/ops/index.ts'
import { scope, type Tensor } from '../../../lib/tensor/index.ts'
import type { FitHooks, FitOptions } from '../../../lib/train/index.ts'
import type { GivenFitSettings, Settings } from '../../../lib/train/config.ts'
import { searchOf } from '../../../lib/train/phases.ts'
import { refuseRounds } from '../../../lib/train/refuse-rounds.ts'
import { searchCost } from '../../../lib/train/rounds.ts'
import { fitSettings, modelSettings } from '../../../lib/train/settings.ts'
import { splitLevels } from '../../../lib/train/split-levels.ts'
import type { Training } from '../../../lib/train/training.ts'
import type { LevelBatch } from '../../../lib/train/tunable-model.ts'
import { oneThread, scratch } from '../../e2e/scratch.ts'
import { tinyExamples } from '../../e2e/tiny-model.ts'
import { assertSameRun, fitTiny, killAt } from '../../e2e/tiny-runs.ts'
import { distance, plainTinyModel, trainTiny, type Work } from '../../e2e/tiny-training.ts'

const settings = (fit: object, model: object = {}) => fitSettings(modelSettings(model), fit)
const published = { hypergradient: 'finite-difference' } as const
const refuses = (fit: object, message: RegExp, model: object = {}) =>
  assert.throws(() => settings(fit, model), { name: 'ConfigError', message })

describe('settings of the rounds', () => {
  it('are those of the cheapest round of equal quality unless they are given', () => {
    const { round, hypergradient, curvatureFraction, upperBatchSize } = settings({})
    assert.deepEqual([round, hypergradient, curvatureFraction, upperBatchSize], ['faithful', 'first-order', 0.125, 16])
    assert.equal(settings(published).upperBatchSize, 32, 'as published')
    settings({ hypergradient: 'finite-difference', round: 'faithful' })
    assert.deepEqual([settings(published).radius, settings({ ...published, round: 'shared' }).radius], [0.01, 0.001])
    assert.equal(settings({ ...published, round: 'shared', radius: 0.1 }).radius, 0.1)
    settings({ hypergradient: 'finite-difference', round: 'faithful', rollBack: true, unrollSteps: 3 })
  })

  it('refuse what is not read', () => {
    refuses({ round: 'quick' }, /round must be 'faithful' or 'sampled' or 'shared', got 'quick'/)
    refuses({ round: 'shared' }, /method 'lora' does not read 'round'/, { method: 'lora' })
    refuses({ round: 'shared', search: false }, /search false does not read 'round'/)
    refuses(
      { round: 'sampled', hypergradient: 'first-order' },
      /'first-order' does not read 'round'; remove it or take/,
    )
    refuses(
      { ...published, curvatureFraction: 0.5 },
      /round 'faithful' does not read 'curvatureFraction'; .* take 'sampled'/,
    )
    refuses(
      { ...published, curvatureFraction: 0.5, round: 'shared' },
      /round 'shared' does not read 'curvatureFraction'/,
    )
    refuses(
      { ...published, curvatureFraction: 0, round: 'sampled' },
      /curvatureFraction must be a number above 0 and at most 1, got 0/,
    )
    settings({ curvatureFraction: 1, round: 'sampled', hypergradient: 'sama', rollBack: true, unrollSteps: 2 })
  })

  it('refuse what a shared round does not do', () => {
    for (const hypergradient of ['exact', 'neumann', 'conjugate-gradient', 'unrolled', 'sama'])
      refuses(
        { round: 'shared', hypergradient },
        /one end of a difference, which hypergradient '.*' has not; take hypergradient 'finite-difference' or round/,
      )
    refuses(
      { ...published, round: 'shared', unrollSteps: 2 },
      /one lower step, .* got unrollSteps 2; take unrollSteps 1 or round/,
    )
    refuses(
      { ...published, round: 'shared', rollBack: true },
      /nothing to roll back; take rollBack false or round 'faithful'/,
    )
    settings({ ...published, round: 'shared', unrollSteps: 1, rollBack: false, radius: 0.1, upperDelaySteps: 3 })
    settings({ ...published, round: 'shared' }, { preset: 'paper' })
    // Where no search is made, nothing of it matters.
    refuseRounds('fit', { method: 'bidora', search: false, round: 'shared', unrollSteps: 2 } as Settings)
  })

  it('say what a round costs in passes', () => {
    const cost = (fit: object) => searchCost(settings(fit))
    assert.deepEqual(
      [
        {},
        published,
        { ...published, round: 'shared' },
        { ...published, round: 'sampled' },
        { ...published, round: 'sampled', curvatureFraction: 0.5 },
      ].map(cost),
      [2, 4, 3, 2.25, 3],
    )
  })
})

/** Searches whose rates do not depend on their length, without retraining. */
const search: GivenFitSettings = {
  ...published,
  retrain: false,
  schedule: 'constant',
  warmupRatio: 0,
  lowerLearningRate: 0.02,
  upperLearningRate: 0.03,
  lowerFraction: 0.75,
  orthogonality: 0.1,
  searchSteps: 5,
}

describe('what the rounds do (float64, no dropout)', () => {
  oneThread()
  const here = scratch('rounds', plainTinyModel)
  const train = (fit: GivenFitSettings, work?: Work) =>
    trainTiny(here.base, { ...search, ...fit }, work ? { work } : {})

  /** A search whose rounds are written here by hand; 45 examples, of which the last batch of a pass has 5. */
  const byHand =
    (
      round: (training: Training, batches: { lower: number[]; sample: number[]; upper: LevelBatch }) => Gradients,
    ): Work =>
    async training => {
      const parts = splitLevels(training, 0)[0]!
      const { lower, upper, plan } = searchOf(training, { repeat: 0, fold: 0, parts })
      const { settings: fit } = training
      for (let step = 0; step < fit.searchSteps!; step++) {
        scope(() => {
          const places = plan.streams.lower.next()
          const sample = plan.streams.lower.sampleOf(places, fit.curvatureFraction)
          const upperBatch = training.batchOf(plan.streams.upper!.next(), 100) as LevelBatch
          const gradients = round(training, { lower: places, sample, upper: upperBatch })
          lower.update(gradients.lower())
          upper.update(gradients.upper())
        })
      }
      lower.dispose()
      upper.dispose()
    }

  it('sampled: the implicit term of a sample of the lower batch, the rest as faithful', async () => {
    const sampled: GivenFitSettings = { round: 'sampled', curvatureFraction: 0.4 }
    const sizes = new Set<number>()
    const hand = await train(
      sampled,
      byHand((training, batches) => {
        sizes.add(batches.sample.length)
        const { loss, levels, move } = tools(training)
        return {
          lower: () => grad(loss(batches.lower), levels.lower),
          upper() {
            const [vector, direct] = both(training, training.upperLoss(batches.upper))
            const epsilon = training.settings.radius / norm(vector)
            const [plus, minus] = [1, -1].map(sign =>
              move(vector, sign * epsilon, () => grad(loss(batches.sample), levels.upper)),
            )
            return direct.map((g, i) => ops.sub(g, ops.sub(plus![i]!, minus![i]!).div(2 * epsilon)))
          },
        }
      }),
    )
    assert.deepEqual(sizes, new Set([3, 2])) // of 8 examples, and of 5
    const got = await train(sampled)
    assert.ok(distance(got.values, hand.values) < 1e-9, String(distance(got.values, hand.values)))
    const faithful = await train({ round: 'faithful' })
    assert.ok(distance(got.values, faithful.values) > 1e-5)
    // All of the batch is the batch.
    assert.deepEqual((await train({ round: 'sampled', curvatureFraction: 1 })).values, faithful.values)
  })

  it('shared: one end of the difference is the lower step, at the point before it', async () => {
    const hand = await train(
      { round: 'shared' },
      byHand((training, batches) => {
        const { loss, levels, move } = tools(training)
        const [lower, at] = both(training, loss(batches.lower))
        const [vector, direct] = both(training, training.upperLoss(batches.upper))
        const epsilon = training.settings.radius / norm(vector)
        const moved = move(vector, epsilon, () => grad(loss(batches.lower), levels.upper))
        const upper = direct.map((g, i) => ops.sub(g, ops.sub(moved[i]!, at[i]!).div(epsilon)))
        return { lower: () => lower, upper: () => upper }
      }),
    )
    const got = await train({ round: 'shared' })
    assert.ok(distance(got.values, hand.values) < 1e-9, String(distance(got.values, hand.values)))
    assert.ok(distance(got.values, (await train({})).values) > 1e-5)
    const { history } = got
    assert.ok(history.every(({ upperLoss, hypergradientNorm }) => upperLoss! > 0 && hypergradientNorm! > 0))
  })

  for (const fit of [
    { round: 'shared' },
    { round: 'shared', upperDelaySteps: 2 },
    { round: 'sampled', curvatureFraction: 0.5 },
    { round: 'sampled', curvatureFraction: 0.5, hypergradient: 'exact', unrollSteps: 2 },
    { round: 'sampled', curvatureFraction: 0.5, hypergradient: 'neumann', stepSize: 0.1, terms: 1, rollBack: true },
  ] as const)
    it(`accumulation is the large batch, with an upper batch of its own size: ${JSON.stringify(fit)}`, async () => {
      const whole = await train({ ...fit, batchSize: 8, upperBatchSize: 6 })
      const parts = { batchSize: 2, accumulation: 4, upperBatchSize: 2, upperAccumulation: 3 }
      const same = await train({ ...fit, ...parts })
      assert.ok(distance(same.values, whole.values) < 1e-10, String(distance(same.values, whole.values)))
    })

  it('a longer window, whose batches are sorted by length all over, changes nothing of that', async () => {
    const fit: GivenFitSettings = { round: 'sampled', curvatureFraction: 0.25, lengthWindow: 3 }
    const whole = await train({ ...fit, batchSize: 8 })
    const same = await train({ ...fit, batchSize: 4, accumulation: 2, upperBatchSize: 8 })
    assert.ok(distance(same.values, whole.values) < 1e-10)
  })
})

describe('a run of each kind of round that is killed and resumed (dropout on)', function () {
  this.timeout(60_000)
  oneThread()
  const here = scratch('rounds-resumed')
  const options: FitOptions = {
    batchSize: 8,
    searchSteps: 9,
    retrainSteps: 2,
    learningRate: 0.02,
    logEvery: 2,
    saveEvery: 3,
  }
  for (const more of [
    published,
    { ...published, round: 'shared' },
    { ...published, round: 'sampled', curvatureFraction: 0.3 },
    { ...published, round: 'sampled', unrollSteps: 2, accumulation: 2, batchSize: 4 },
  ] as const)
    it(`ends with the same bits: ${JSON.stringify(more)}`, async () => {
      const [whole, killed] = ['whole', 'killed'].map(name => join(here.folder, name)) as [string, string]
      const fit = (output: string, resume: boolean, hooks: FitHooks = {}) =>
        fitTiny(here.base, tinyExamples(60), { ...options, ...more, output, resume }, { hooks })
      await fit(whole, false)
      await killAt(4, hooks => fit(killed, false, hooks))
      await fit(killed, true)
      assertSameRun(killed, whole)
      for (const folder of [whole, killed]) rmSync(folder, { recursive: true })
    })
})

interface Gradients {
  lower(): Tensor[]
  /** Asked after the lower update. */
  upper(): Tensor[]
}

const norm = (list: readonly Tensor[]) =>
  Math.sqrt(list.reduce((total, value) => total + ops.sum(ops.square(value)).item(), 0))

/** Gradients of a loss for the two levels. */
function both(training: Training, loss: Tensor): [lower: Tensor[], upper: Tensor[]] {
  const { lower, upper } = tools(training).levels
  const all = grad(loss, [...lower, ...upper]) as Tensor[]
  return [all.slice(0, lower.length), all.slice(lower.length)]
}

/** What a round by hand is made of. Levels order their parameters by decay: directions and head have the same. */
function tools(training: Training) {
  const of = (level: 'lower' | 'upper') => training.parametersOf(level).map(([, parameter]) => parameter)
  const levels = { lower: of('lower'), upper: of('upper') }
  const loss = (places: number[]) =>
    ops.add(
      training.loss(training.batchOf(places, 100) as LevelBatch),
      ops.mul(training.orthogonality(), training.settings.orthogonality),
    )
  const put = (values: readonly Tensor[]) =>
    noGrad(() => levels.lower.forEach((parameter, i) => void ops.copy_(parameter, values[i]!)))
  /** `work` with the directions moved along a vector. */
  const move = <T>(vector: readonly Tensor[], by: number, work: () => T): T => {
    const start = noGrad(() => levels.lower.map(value => ops.clone(value)))
    put(noGrad(() => start.map((value, i) => ops.add(value, ops.mul(vector[i]!, by)))))
    const result = work()
    put(start)
    return result
  }
  return { levels, loss, move }
}
