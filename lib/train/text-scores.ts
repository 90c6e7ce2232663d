import { taskMetrics } from '../metrics/index.ts'
import { argmax, logitsOf, logSumExp, type ProblemType, softplus } from '../predict/index.ts'
import type { Target } from './rows.ts'
import type { TaskScores } from './task.ts'
import type { Metrics } from './types.ts'

/** Scores of classes, of several labels, and of numbers. */
export const textScores: TaskScores = {
  async evaluate(model, rows, options) {
    const { problemType } = model.settings
    const logits = await logitsOf(
      model.classifier,
      rows.map(row => row.encoded),
      { ...options, padding: model.tokenizer.padding(), precision: model.precision },
    )
    const targets = rows.map(row => row.target)
    const losses = logits.map((row, index) => lossOf(row, targets[index]!, problemType))
    const loss = losses.reduce((sum, value) => sum + value, 0) / losses.length
    const scores = taskMetrics(predictedOf(logits, problemType), targets as number[], {
      problemType,
      labels: model.labels?.labels,
    })
    return { ...(scores as Metrics), loss }
  },

  names({ settings, labels }) {
    const { problemType } = settings
    const target = problemType === 'multi-label' ? labels!.labels.map(() => 1) : 0
    const scores = taskMetrics([target, target] as number[], [target, target] as number[], {
      problemType,
      labels: labels?.labels,
    })
    return ['loss', ...Object.keys(scores)]
  },
}

/** The loss of one row, as `classificationLoss` has it for a batch. */
function lossOf(logits: Float64Array, target: Target, problemType: ProblemType): number {
  if (problemType === 'single-label') return logSumExp(logits) - logits[target as number]!
  if (problemType === 'regression') return (logits[0]! - (target as number)) ** 2
  const terms = (target as readonly number[]).map((wanted, index) => softplus(logits[index]!) - wanted * logits[index]!)
  return terms.reduce((sum, term) => sum + term, 0) / terms.length
}

function predictedOf(logits: readonly Float64Array[], problemType: ProblemType): number[] | number[][] {
  if (problemType === 'single-label') return logits.map(argmax)
  if (problemType === 'regression') return logits.map(row => row[0]!)
  return logits.map(row => Array.from(row, logit => (logit > 0 ? 1 : 0)))
}
