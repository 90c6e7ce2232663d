import { grad } from '../autograd/index.ts'
import { weightedSum } from '../bilevel/accumulation.ts'
import type { Tensor } from '../tensor/index.ts'
import type { NamedParameter } from './level.ts'
import type { PhaseMemory, StepBatch } from './plan.ts'
import type { Training } from './training.ts'
import type { LevelBatch } from './tunable-model.ts'

export interface OneLevel {
  readonly phase: 'train' | 'retrain'
  readonly part?: number
  /** What moves. */
  readonly parameters: readonly NamedParameter[]
  /** From a batch to a scalar; the task's loss where it is left out. */
  readonly loss?: (batch: LevelBatch) => Tensor
  /** That of the settings for all levels where it is left out. */
  readonly weightDecay?: number
  /** As in `PhasePlan`. */
  readonly laterSteps?: number
  readonly memory?: PhaseMemory
  /** What the method does after an optimiser step, counted from 1, with the gradients as they were clipped. */
  readonly afterStep?: (step: number, gradientOf: (parameter: Tensor) => Tensor | null | undefined) => void
}

/** Plain training: one loss, one optimiser, all examples. The retraining of BiDoRA, and the whole of every other method. */
export async function trainOneLevel(
  training: Training,
  {
    phase,
    part = 0,
    parameters,
    loss = batch => training.loss(batch),
    weightDecay,
    laterSteps = 0,
    memory,
    afterStep,
  }: OneLevel,
): Promise<void> {
  const steps = training.retrainSteps
  const level = training.level(parameters, { learningRate: training.settings.retrainLearningRate, steps, weightDecay })
  await training.phase({
    phase,
    part,
    steps,
    stepsPerRound: 1,
    laterSteps,
    ...(memory ? { memory } : {}),
    levels: { lower: level },
    streams: { lower: training.stream(part === 0 ? 'all' : `all ${part + 1}`, training.allPlaces()) },
    round({ lowerBatches: [batch] }) {
      const { value, gradients } = lossGradients(loss, batch!, level.parameters)
      level.update(gradients)
      afterStep?.(level.steps, parameter => gradients[level.parameters.indexOf(parameter)])
      return { lowerLoss: value }
    },
  })
}

/** The loss of a batch, whole or in parts, and its gradients; null for a parameter that it does not use. */
function lossGradients(
  loss: (batch: LevelBatch) => Tensor,
  batch: StepBatch,
  parameters: readonly Tensor[],
): { value: Tensor; gradients: (Tensor | null)[] } {
  let used: number[] = []
  const [value, ...gradients] = weightedSum(batch, part => {
    const partLoss = loss(part)
    const all = grad(partLoss, [...parameters], { allowUnused: true })
    used = [...all.keys()].filter(place => all[place])
    return [partLoss.detach(), ...used.map(place => all[place]!)]
  })
  const byPlace = new Map(used.map((place, index) => [place, gradients[index]!]))
  return { value: value!, gradients: parameters.map((_, place) => byPlace.get(place) ?? null) }
}
