import { adaptedLayers, orthogonality } from '../../lib/adapters/index.ts'
import { type BilevelProblem, sharedStep, step } from '../../lib/bilevel/index.ts'
import { classificationLoss, type SequenceClassifier } from '../../lib/models/index.ts'
import { AdamW } from '../../lib/optim/index.ts'
import { autocast, grad, narrowFrozenProducts, scope, type Tensor } from '../../lib/torch.ts'
import { faithful, type Precision, type RoundVariant } from './variants.ts'
import type { LoadedBatch } from './work.ts'

/** Settings that the twins have too. */
export const learningRate = 1e-3
export const weightDecay = 0.01
export const gamma = 1e-5

/** Lets somebody measure the parts of a step: it runs `work` and gives its result. */
export type Watch = <T>(part: 'forward' | 'optimizer', work: () => T) => T

const unwatched: Watch = (_, work) => work()

export interface StepOptions {
  watch?: Watch
  /** Sees every hypergradient. */
  onHypergradient?: (gradients: readonly Tensor[]) => void
}

function taskLoss(model: SequenceClassifier, { inputs, labels }: LoadedBatch, precision: Precision): Tensor {
  const loss = () => classificationLoss(model.forward(inputs).logits, labels, 'single-label')
  if (precision === 'bfloat16') return autocast('bfloat16', loss)
  return precision === 'bfloat16-frozen' ? narrowFrozenProducts(loss) : loss()
}

/** One LoRA step of ours; gives the loss. */
export function loraStepper(
  model: SequenceClassifier,
  lower: readonly Tensor[],
  precision: Precision = 'float32',
  { watch = unwatched }: StepOptions = {},
): (batch: LoadedBatch) => number {
  const optimizer = new AdamW([{ parameters: lower, learningRate, weightDecay }])
  return batch =>
    scope(() => {
      const loss = watch('forward', () => taskLoss(model, batch, precision))
      const gradients = grad(loss, lower)
      watch('optimizer', () => optimizer.step(gradients))
      return loss.item() as number
    })
}

/** What one round reads. */
export interface RoundInput {
  lower: LoadedBatch
  upper: LoadedBatch
  /** Rows of the lower batch that the curvature is taken on; absent, all of them. */
  curvature?: LoadedBatch
}

export interface RoundValues {
  lowerLoss: number
  upperLoss: number
  hypergradientNorm: number
}

/** One BiDoRA round of ours, of a kind. */
export function roundStepper(
  model: SequenceClassifier,
  lower: readonly Tensor[],
  upper: readonly Tensor[],
  { round, method, precision }: RoundVariant = faithful,
  { watch = unwatched, onHypergradient }: StepOptions = {},
): (input: RoundInput) => RoundValues {
  const lowerOptimizer = new AdamW([{ parameters: lower, learningRate, weightDecay }])
  const upperOptimizer = new AdamW([{ parameters: upper, learningRate, weightDecay: 0 }])
  const layers = [...adaptedLayers(model).values()]
  const loss = (batch: LoadedBatch) => watch('forward', () => taskLoss(model, batch, precision))
  const problem: BilevelProblem<LoadedBatch> = {
    lowerLoss: batch => loss(batch).add(watch('forward', () => orthogonality(layers).mul(gamma))),
    coupledLoss: loss,
    upperLoss: loss,
    lowerParameters: lower,
    upperParameters: upper,
  }
  const run = round === 'shared' ? sharedStep : step
  return ({ lower: lowerBatch, upper: upperBatch, curvature }) =>
    scope(() => {
      const batches = { lowerBatches: [lowerBatch], upperBatch }
      const made = run(problem, curvature ? { ...batches, curvatureBatch: curvature } : batches, {
        updateLower: gradients => watch('optimizer', () => lowerOptimizer.step(gradients)),
        updateUpper: gradients => {
          onHypergradient?.(gradients)
          watch('optimizer', () => upperOptimizer.step(gradients))
        },
        hypergradient: { method },
      })
      return {
        lowerLoss: made.lowerLoss.item() as number,
        upperLoss: made.upperLoss!.item() as number,
        hypergradientNorm: made.hypergradientNorm!.item() as number,
      }
    })
}
