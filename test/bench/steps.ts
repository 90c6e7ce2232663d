import { type BilevelProblem, step } from '../../lib/bilevel/index.ts'
import { orthogonality, adaptedLayers } from '../../lib/adapters/index.ts'
import { classificationLoss, type SequenceClassifier } from '../../lib/models/index.ts'
import { AdamW } from '../../lib/optim/index.ts'
import { grad, scope, type Tensor } from '../../lib/torch.ts'
import type { LoadedBatch } from './work.ts'

/** Settings that the twins have too. */
export const learningRate = 1e-3
export const weightDecay = 0.01
export const gamma = 1e-5

function taskLoss(model: SequenceClassifier, { inputs, labels }: LoadedBatch): Tensor {
  return classificationLoss(model.forward(inputs).logits, labels, 'single-label')
}

/** One LoRA step of ours; gives the loss. */
export function loraStepper(model: SequenceClassifier, lower: readonly Tensor[]): (batch: LoadedBatch) => number {
  const optimizer = new AdamW([{ parameters: lower, learningRate, weightDecay }])
  return batch =>
    scope(() => {
      const loss = taskLoss(model, batch)
      optimizer.step(grad(loss, lower))
      return loss.item()
    })
}

export interface RoundValues {
  lowerLoss: number
  upperLoss: number
  hypergradientNorm: number
}

/** One faithful BiDoRA round of ours. */
export function roundStepper(
  model: SequenceClassifier,
  lower: readonly Tensor[],
  upper: readonly Tensor[],
): (lowerBatch: LoadedBatch, upperBatch: LoadedBatch) => RoundValues {
  const lowerOptimizer = new AdamW([{ parameters: lower, learningRate, weightDecay }])
  const upperOptimizer = new AdamW([{ parameters: upper, learningRate, weightDecay: 0 }])
  const layers = [...adaptedLayers(model).values()]
  const problem: BilevelProblem<LoadedBatch> = {
    lowerLoss: batch => taskLoss(model, batch).add(orthogonality(layers).mul(gamma)),
    upperLoss: batch => taskLoss(model, batch),
    lowerParameters: lower,
    upperParameters: upper,
  }
  return (lowerBatch, upperBatch) =>
    scope(() => {
      const round = step(
        problem,
        { lowerBatches: [lowerBatch], upperBatch },
        {
          updateLower: gradients => optimizerStep(lowerOptimizer, gradients),
          updateUpper: gradients => optimizerStep(upperOptimizer, gradients),
          hypergradient: { method: 'finite-difference' },
        },
      )
      return {
        lowerLoss: round.lowerLoss.item(),
        upperLoss: (round.upperLoss as Tensor).item(),
        hypergradientNorm: (round.hypergradientNorm as Tensor).item(),
      }
    })
}

function optimizerStep(optimizer: AdamW, gradients: readonly Tensor[]): void {
  optimizer.step(gradients)
}
