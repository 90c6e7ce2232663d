import { grad } from '../autograd/index.ts'
import type { Tensor } from '../tensor/index.ts'
import type { NamedParameter } from './level.ts'
import type { Training } from './training.ts'
import type { LevelBatch } from './tunable-model.ts'

/**
 * Plain training: one loss, one optimiser, all examples. The retraining of BiDoRA, and the whole of every other method.
 *
 * @param parameters What moves.
 * @param loss From a batch to a scalar.
 */
export async function trainOneLevel(
  training: Training,
  phase: 'train' | 'retrain',
  parameters: readonly NamedParameter[],
  steps: number,
  loss: (batch: LevelBatch) => Tensor,
): Promise<void> {
  const level = training.level(parameters, { learningRate: training.settings.retrainLearningRate, steps })
  await training.phase({
    phase,
    steps,
    stepsPerRound: 1,
    laterSteps: 0,
    levels: { lower: level },
    streams: { lower: training.stream('all', training.allPlaces()) },
    round([batch]) {
      const lowerLoss = loss(batch!)
      level.update(grad(lowerLoss, [...level.parameters], { allowUnused: true }))
      return { lowerLoss: lowerLoss.detach() }
    },
  })
}
