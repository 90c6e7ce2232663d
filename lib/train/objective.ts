import { noGrad } from '../autograd/index.ts'
import type { LabelSet } from '../data/labels.ts'
import { ConfigError } from '../errors.ts'
import { classificationLoss } from '../models/index.ts'
import { binaryCrossEntropy, crossEntropy } from '../nn/index.ts'
import * as ops from '../ops/index.ts'
import type { ProblemType } from '../predict/index.ts'
import { keep, type Tensor, tensor } from '../tensor/index.ts'
import type { Settings } from './config.ts'
import type { Row } from './rows.ts'

export interface ObjectiveOptions {
  readonly problemType: ProblemType
  /** Weight of each class; left out, all are 1. */
  readonly weights?: readonly number[] | undefined
  readonly labelSmoothing?: number
}

/**
 * The loss that is trained on, at both levels; evaluations know nothing of its weights:
 *
 *     single-label   sum_i w_i l_i / sum_i w_i,  i over texts or over labelled words, w_i the weight of i's class,
 *                    l_i = (1 - s) (-log p_i[class i]) + s / classes * sum_c (w_c / w_i) (-log p_i[c])
 *                    (torch's cross_entropy with weight and label_smoothing)
 *     multi-label    mean of binary cross-entropies, a positive target weighted (torch's pos_weight), targets moved to
 *                    t (1 - s) + s / 2 (as Keras's BinaryCrossentropy has it; torch has none)
 *     regression     mean of squares
 */
export class Objective {
  readonly weights: readonly number[] | undefined
  readonly #problemType: ProblemType
  readonly #labelSmoothing: number
  #tensor: Tensor | undefined

  constructor({ problemType, weights, labelSmoothing = 0 }: ObjectiveOptions) {
    this.weights = weights
    this.#problemType = problemType
    this.#labelSmoothing = labelSmoothing
  }

  /** The loss of a batch: logits [batch, labels], targets as `classificationLoss` takes them. */
  loss(logits: Tensor, targets: Tensor): Tensor {
    const smoothing = this.#labelSmoothing
    if (this.#problemType === 'regression' || (!this.weights && smoothing === 0))
      return classificationLoss(logits, targets, this.#problemType)
    const weight = this.#weightLike(logits)
    if (this.#problemType === 'single-label')
      return crossEntropy(logits, targets, { labelSmoothing: smoothing, ...(weight ? { weight } : {}) })
    const soft = smoothing > 0 ? ops.add(ops.mul(targets, 1 - smoothing), smoothing / 2) : targets
    return binaryCrossEntropy(logits, soft, weight ? { posWeight: weight } : {})
  }

  /** What the loss of these examples is divided by: their weights' sum. A large batch's loss is that of its parts in this proportion. */
  weightOf(rows: readonly Row[]): number {
    const { weights } = this
    if (this.#problemType !== 'single-label') return rows.length
    return rows.reduce((sum, row) => sum + classesOf(row).reduce((part, label) => part + (weights?.[label] ?? 1), 0), 0)
  }

  dispose(): void {
    this.#tensor?.dispose()
    this.#tensor = undefined
  }

  #weightLike({ dtype, device }: Tensor): Tensor | undefined {
    if (!this.weights) return undefined
    const { weights } = this
    return (this.#tensor ??= keep(noGrad(() => tensor([...weights], { dtype, device })))) // [labels]
  }
}

/**
 * The objective that the settings ask for.
 *
 * @param rows The training examples, which balanced weights are counted from.
 * @throws ConfigError where there is not one weight for each label
 */
export function objectiveOf(
  { problemType, classWeights, labelSmoothing }: Settings,
  rows: readonly Row[],
  labels: LabelSet | undefined,
): Objective {
  const names = labels?.labels ?? []
  if (classWeights === 'balanced') {
    return new Objective({ problemType, weights: balanced(problemType, rows, names.length), labelSmoothing })
  }
  if (classWeights && classWeights.length !== names.length) {
    throw new ConfigError(
      'CONFIG_VALUE',
      `fit: classWeights must have one number for each of the ${names.length} labels (${names.join(', ')}), got ${classWeights.length}`,
      { key: 'classWeights', labels: names },
    )
  }
  return new Objective({ problemType, weights: classWeights, labelSmoothing })
}

/** A class without examples, or a label that every example has, has weight 1. */
function balanced(problemType: ProblemType, rows: readonly Row[], classes: number): number[] {
  if (problemType === 'single-label') {
    const found = rows.flatMap(classesOf)
    const counts = new Array<number>(classes).fill(0)
    for (const label of found) counts[label]!++
    return counts.map(count => (count === 0 ? 1 : found.length / (classes * count)))
  }
  return Array.from({ length: classes }, (_, label) => {
    const count = rows.filter(({ target }) => (target as readonly number[])[label] === 1).length
    return count === 0 || count === rows.length ? 1 : (rows.length - count) / count
  })
}

/** The classes of a row that the loss sees: one of a text, one of each labelled word of a sentence. */
function classesOf({ target, classes }: Row): readonly number[] {
  return classes ?? [target as number]
}
