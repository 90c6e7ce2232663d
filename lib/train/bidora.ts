import * as ops from '../ops/index.ts'
import { trainOneLevel } from './one-level.ts'
import { retrainingOf, searchOf } from './phases.ts'
import { splitLevels } from './split-levels.ts'
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
 * which level is said by the adapter that made it. Settings vary this: without one of the two phases, several splits
 * whose magnitudes are averaged, the whole made again from where it has led, another start of the retraining.
 */
export async function trainBidora(training: Training): Promise<void> {
  const { settings, points } = training
  const directions = training.parametersOf('lower')
  const magnitudes = training.parametersOf('upper')

  const upperLoss = (batch: LevelBatch) => training.upperLoss(batch)
  const coupledLoss = (batch: LevelBatch) => training.loss(batch) // all of the lower loss that has magnitudes in it
  const lowerLoss = (batch: LevelBatch) => {
    const { orthogonality: gamma } = settings
    return gamma > 0 ? ops.add(coupledLoss(batch), ops.mul(training.orthogonality(), gamma)) : coupledLoss(batch)
  }

  for (let repeat = 0; repeat < settings.repeats; repeat++) {
    points.remember('start', training.trainable)
    if (settings.search) await search(repeat)
    if (settings.retrain) await retrain(repeat)
  }

  async function search(repeat: number): Promise<void> {
    for (const [, magnitude] of magnitudes) magnitude.requiresGrad = true
    const splits = splitLevels(training, repeat)
    for (const [fold, parts] of splits.entries()) {
      points.restore('start', training.trainable)
      const { lower, upper, hypergradient, markLower, takeRound, plan } = searchOf(training, { repeat, fold, parts })
      const problem = {
        lowerLoss,
        upperLoss,
        coupledLoss,
        lowerParameters: lower.parameters,
        upperParameters: upper.parameters,
        upperNames: upper.names,
        freshMasks: settings.compat === 'official',
      }
      const moves = { updateLower: lower.update, updateUpper: upper.update, hypergradient, ...markLower }
      await training.phase({ ...plan, round: batches => takeRound(problem, batches, moves) })
      if (splits.length > 1) points.add('folds', magnitudes)
    }
    if (splits.length > 1) points.restoreMean('folds', magnitudes)
    points.forget('folds')
  }

  async function retrain(repeat: number): Promise<void> {
    const { moving, restarting, ...plan } = retrainingOf(training, { repeat, directions, magnitudes })
    points.restore('start', restarting)
    for (const [, magnitude] of magnitudes) magnitude.requiresGrad = settings.retrainMagnitudes
    await trainOneLevel(training, { ...plan, parameters: moving, loss: lowerLoss })
  }
}
