import assert from 'node:assert/strict'
import { BidoraError } from '../../../lib/errors.ts'
import * as ops from '../../../lib/ops/index.ts'
import { scope, type Tensor, tensor } from '../../../lib/tensor/index.ts'
import { BatchStream } from '../../../lib/train/batch-stream.ts'
import { fitSettings, modelSettings } from '../../../lib/train/settings.ts'
import { Level } from '../../../lib/train/level.ts'
import { runPhase } from '../../../lib/train/loop.ts'
import type { Learner, PhasePlan } from '../../../lib/train/plan.ts'
import { Points } from '../../../lib/train/points.ts'
import { Run } from '../../../lib/train/run.ts'
import type { Progress } from '../../../lib/train/types.ts'

/** A phase that trains one number; what a round does is given. */
function phase(
  parameter: Tensor,
  steps: number,
  round: (step: number) => Tensor,
): { learner: Learner; plan: PhasePlan; modes: boolean[] } {
  const modes: boolean[] = []
  const lower = new Level({
    parameters: [['p', parameter]],
    schedule: { kind: 'constant', learningRate: 0.1, steps, warmupSteps: 0 },
    decayOf: () => 0,
    clip: 0,
    betas: [0.9, 0.999],
    eps: 1e-8,
  })
  const learner: Learner = {
    trainable: [['p', parameter]],
    points: new Points(),
    batchOf: () => ({}) as never,
    setTraining: mode => void modes.push(mode),
  }
  let step = 0
  const plan: PhasePlan = {
    phase: 'train',
    part: 0,
    steps,
    stepsPerRound: 1,
    laterSteps: 0,
    levels: { lower },
    streams: {
      lower: new BatchStream({ places: [0, 1, 2], lengthOf: () => 1, batchSize: 2, window: 1, seed: 0, name: 'all' }),
    },
    round: () => ({ lowerLoss: round(++step) }),
  }
  return { learner, plan, modes }
}

const settings = (options: object) => fitSettings(modelSettings({ method: 'head' }), options)

describe('a phase', () => {
  it('logs means of every so many steps and of the rest, reports progress, and evaluates at the end', async () => {
    const parameter = tensor([0], { requiresGrad: true })
    const { learner, plan, modes } = phase(parameter, 7, step => tensor(step))
    const reports: Progress[] = []
    const run = new Run({
      settings: settings({ logEvery: 3, batchSize: 2 }),
      hooks: { onProgress: report => reports.push(report) },
      truncated: 5,
      evaluate: async () => ({ accuracy: 0.5 }),
    })
    await runPhase(learner, run, plan)
    assert.deepEqual(
      run.log.entries.map(({ step, lowerLoss, evaluation }) => [step, lowerLoss, evaluation]),
      [
        [3, 2, undefined],
        [6, 5, undefined],
        [7, 7, { accuracy: 0.5 }],
      ],
    )
    assert.deepEqual(
      reports.map(({ step, steps, secondsLeft, truncated }) => [step, steps, secondsLeft >= 0, truncated]),
      [
        [3, 7, true, 5],
        [6, 7, true, 5],
        [7, 7, true, 5],
      ],
    )
    assert.equal(reports.at(-1)?.secondsLeft, 0)
    assert.ok(reports.every(({ peakBytes }) => peakBytes > 1e7))
    assert.ok(run.seconds.train > 0)
    assert.equal(modes.at(-1), false)
  })

  it('refuses to go on from parameters that are no numbers', async () => {
    const parameter = tensor([0], { requiresGrad: true })
    const { learner, plan } = phase(parameter, 2, step => {
      if (step === 2) ops.div_(parameter.detach(), 0)
      return tensor(1)
    })
    const run = new Run({ settings: settings({}), hooks: {}, truncated: 0 })
    await assert.rejects(
      runPhase(learner, run, plan),
      (error: unknown) =>
        error instanceof BidoraError &&
        error.code === 'PARAMETER_NOT_FINITE' &&
        /train, step 2: .* in p,/.test(error.message),
    )
  })

  it('leaves the event loop free between steps', async () => {
    const parameter = tensor([0], { requiresGrad: true })
    const { learner, plan } = phase(parameter, 20, () => tensor(1))
    let turns = 0
    const timer = setInterval(() => turns++, 0)
    const blocked = {
      ...plan,
      round: (...batches: Parameters<PhasePlan['round']>) => {
        const until = performance.now() + 3
        while (performance.now() < until);
        return plan.round(...batches)
      },
    }
    await runPhase(learner, new Run({ settings: settings({}), hooks: {}, truncated: 0 }), blocked)
    clearInterval(timer)
    assert.ok(turns >= 10, `${turns} turns in 20 steps`)
  })

  it('keeps no tensor of a step', async () => {
    const parameter = tensor([0], { requiresGrad: true })
    const { learner, plan } = phase(parameter, 4, () => {
      scope(() => ops.add(parameter, 1))
      return ops.sum(ops.mul(parameter.detach(), 2))
    })
    await runPhase(learner, new Run({ settings: settings({ logEvery: 100 }), hooks: {}, truncated: 0 }), plan)
  })
})
