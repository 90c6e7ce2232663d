import { step } from '../bilevel/index.ts'
import * as ops from '../ops/index.ts'
import { trainOneLevel } from './one-level.ts'
import type { Training } from './training.ts'
import type { LevelBatch } from './tunable-model.ts'

/**
 * BiDoRA: every adapted weight is a magnitude times a direction, and two levels share the work (t2ance/BiDoRA, README):
 *
 *     search:   lower   V*(M) = argmin_V  loss(V, M; lower part) + gamma R(V)       directions V and the head
 *               upper   min_M             loss(V*(M), M; upper part)                magnitudes M
 *     retrain:  V from its start, M fixed as searched, on all examples, with a fresh optimiser
 *
 * The parts are a seeded split of the training examples. R keeps the directions orthogonal. Which parameter belongs to
 * which level is said by the adapter that made it.
 */
export async function trainBidora(training: Training): Promise<void> {
  const { settings } = training
  const directions = training.parametersOf('lower')
  const magnitudes = training.parametersOf('upper')
  training.remember(directions)

  const upperLoss = (batch: LevelBatch) => training.loss(batch)
  const lowerLoss = (batch: LevelBatch) => {
    const { orthogonality: gamma } = settings
    return gamma > 0 ? ops.add(training.loss(batch), ops.mul(training.orthogonality(), gamma)) : training.loss(batch)
  }

  const parts = training.splitLevels()
  const steps = settings.searchSteps ?? training.stepsOf(settings.searchEpochs, parts.lower.length)
  const retrainSteps = settings.retrainSteps ?? training.stepsOf(settings.retrainEpochs, training.rowCount)
  const { unrollSteps, lowerLearningRate, upperLearningRate, upperWeightDecay, upperClip } = settings
  const lower = training.level(directions, { learningRate: lowerLearningRate, steps })
  const upper = training.level(magnitudes, {
    learningRate: upperLearningRate,
    steps: Math.ceil(steps / unrollSteps),
    weightDecay: upperWeightDecay,
    clip: upperClip,
  })
  const problem = {
    lowerLoss,
    upperLoss,
    lowerParameters: lower.parameters,
    upperParameters: upper.parameters,
    upperNames: upper.names,
  }
  const hypergradient = training.hypergradientChoice()

  await training.phase({
    phase: 'search',
    steps,
    stepsPerRound: unrollSteps,
    laterSteps: retrainSteps,
    levels: { lower, upper },
    streams: { lower: training.stream('lower', parts.lower), upper: training.stream('upper', parts.upper) },
    round: (lowerBatches, upperBatch) =>
      step(problem, upperBatch ? { lowerBatches, upperBatch } : { lowerBatches }, {
        updateLower: lower.update,
        updateUpper: upper.update,
        hypergradient,
      }),
  })

  training.restart()
  for (const [, magnitude] of magnitudes) magnitude.requiresGrad = false
  await trainOneLevel(training, 'retrain', directions, retrainSteps, lowerLoss)
}
