import { ArgumentError } from '../errors.ts'
import { accuracy } from './accuracy.ts'
import type { ClassIndices, Indicators } from './counts.ts'
import { f1 } from './f1.ts'
import { macroF1 } from './macro-f1.ts'
import { matthews } from './matthews.ts'
import { microF1 } from './micro-f1.ts'
import { mse } from './mse.ts'
import { pearson } from './pearson.ts'
import { precision } from './precision.ts'
import { recall } from './recall.ts'
import { spearman } from './spearman.ts'

/** Every metric name that a report may hold, this version's and those of later tasks. */
export type MetricName =
  | 'accuracy'
  | 'precision'
  | 'recall'
  | 'f1'
  | 'microF1'
  | 'macroF1'
  | 'matthews'
  | 'pearson'
  | 'spearman'
  | 'mse'
  | 'bleu'
  | 'bleuE2E'
  | 'nist'
  | 'rougeL'
  | 'cider'
  | 'perplexity'
  | 'loss'

/** One class, one number, or any number of classes an example. */
export type ProblemType = 'single-label' | 'regression' | 'multi-label'

/** What is scored. */
export interface TaskMetricsOptions {
  problemType: ProblemType
  /** Label names in the order of their indices; not read for regression. */
  labels?: readonly string[] | undefined
  /** Name of the class whose precision, recall and f1 are reported where there are two; the last one unless told. */
  positiveLabel?: string | undefined
}

/**
 * The scores of a classification or regression task, by contract name, rates from 0 to 1:
 *
 * - two classes: accuracy, precision, recall and f1 of the positive class, matthews;
 * - more classes: accuracy, microF1, macroF1, matthews;
 * - multi-label (indicator rows): accuracy (exact match), precision and recall over all labels together, microF1, macroF1;
 * - regression: pearson, spearman, mse.
 *
 * A correlation that is not defined (constant predictions, a single pair) is NaN; JSON has none and holds null.
 *
 * @example
 * taskMetrics([1, 0, 1], [1, 1, 1], { problemType: 'single-label', labels: ['ham', 'spam'] }).recall // 0.666...
 * @throws ArgumentError on lists of different lengths, empty lists, class indices outside the labels.
 */
export function taskMetrics(
  predictions: ClassIndices | Indicators,
  references: ClassIndices | Indicators,
  options: TaskMetricsOptions,
): Partial<Record<MetricName, number>> {
  const labels = options.labels ?? []
  if (options.problemType === 'regression')
    return regressionMetrics(predictions as ArrayLike<number>, references as ArrayLike<number>)
  if (options.problemType === 'multi-label')
    return multiLabelMetrics(predictions as Indicators, references as Indicators, labels)
  const [predicted, expected] = [predictions as ClassIndices, references as ClassIndices]
  checkRange(predicted, labels)
  checkRange(expected, labels)
  if (labels.length > 2) {
    return {
      accuracy: accuracy(predicted, expected),
      microF1: microF1(predicted, expected),
      macroF1: macroF1(predicted, expected),
      matthews: matthews(predicted, expected),
    }
  }
  const positive = positiveIndex(labels, options.positiveLabel)
  return {
    accuracy: accuracy(predicted, expected),
    precision: precision(predicted, expected, { positive }),
    recall: recall(predicted, expected, { positive }),
    f1: f1(predicted, expected, { positive }),
    matthews: matthews(predicted, expected),
  }
}

function regressionMetrics(predictions: ArrayLike<number>, references: ArrayLike<number>) {
  return {
    pearson: pearson(predictions, references),
    spearman: spearman(predictions, references),
    mse: mse(predictions, references),
  }
}

function multiLabelMetrics(predictions: Indicators, references: Indicators, labels: readonly string[]) {
  const width = references[0]?.length ?? labels.length
  if (width !== labels.length) {
    throw new ArgumentError(
      'METRIC_LABELS',
      `taskMetrics: expected indicator rows of ${labels.length} entries (one a label), got ${width}; pass one 0 or 1 for each label`,
      { labels: labels.length, width },
    )
  }
  return {
    accuracy: accuracy(predictions, references),
    precision: precision(predictions, references),
    recall: recall(predictions, references),
    microF1: microF1(predictions, references),
    macroF1: macroF1(predictions, references),
  }
}

function positiveIndex(labels: readonly string[], positiveLabel: string | undefined): number {
  if (positiveLabel === undefined) return labels.length - 1
  const index = labels.indexOf(positiveLabel)
  if (index >= 0) return index
  throw new ArgumentError(
    'METRIC_LABELS',
    `taskMetrics: expected positiveLabel to be one of ${labels.join(', ')}, got '${positiveLabel}'; name one of them`,
    { labels, positiveLabel },
  )
}

function checkRange(indices: ClassIndices, labels: readonly string[]): void {
  if (labels.length < 2) {
    throw new ArgumentError(
      'METRIC_LABELS',
      `taskMetrics: expected at least two labels, got ${labels.length}; name all classes`,
      { labels },
    )
  }
  for (let i = 0; i < indices.length; i++) {
    if (!(indices[i]! >= 0 && indices[i]! < labels.length)) {
      throw new ArgumentError(
        'METRIC_CLASS',
        `taskMetrics: expected class indices from 0 to ${labels.length - 1}, got ${String(indices[i])} at ${i}; check the labels`,
        { index: i, value: indices[i], labels },
      )
    }
  }
}
