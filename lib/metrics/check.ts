import { ArgumentError } from '../errors.ts'

/** Refuses lists of different lengths and empty ones: a mean over nothing is no score. */
export function checkPairs(where: string, predictions: ArrayLike<unknown>, references: ArrayLike<unknown>): void {
  if (predictions.length !== references.length) {
    throw new ArgumentError(
      'METRIC_LENGTH',
      `${where}: expected as many predictions as references, got ${predictions.length} and ${references.length}; ` +
        'pass one prediction for each reference',
      { predictions: predictions.length, references: references.length },
    )
  }
  if (references.length === 0) {
    throw new ArgumentError(
      'METRIC_EMPTY',
      `${where}: expected at least one pair, got none; evaluate on a data set with rows`,
    )
  }
}

/** Refuses anything that is no class index; NaN would otherwise count as a class of its own that is never right. */
export function checkClasses(where: string, values: ArrayLike<number>): void {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isInteger(values[i])) {
      throw new ArgumentError(
        'METRIC_CLASS',
        `${where}: expected whole numbers (class indices), got ${String(values[i])} at ${i}; pass the index of each class`,
        { index: i, value: values[i] },
      )
    }
  }
}

/** Refuses NaN and infinity, as scikit-learn does. */
export function checkFinite(where: string, values: ArrayLike<number>): void {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) {
      throw new ArgumentError(
        'METRIC_FINITE',
        `${where}: expected finite numbers, got ${String(values[i])} at ${i}; look for a model that diverged`,
        { index: i, value: values[i] },
      )
    }
  }
}

/** Refuses indicator rows of different widths or without a label, and entries other than 0, 1 or booleans. */
export function checkIndicators(where: string, rows: readonly ArrayLike<number | boolean>[], width: number): void {
  if (width === 0) {
    throw new ArgumentError(
      'METRIC_INDICATOR',
      `${where}: expected rows of zeros and ones, got empty ones; pass an entry for each label`,
      { width },
    )
  }
  rows.forEach((row, i) => {
    if (
      row.length !== width ||
      !Array.from(row).every(entry => entry === 0 || entry === 1 || typeof entry === 'boolean')
    ) {
      throw new ArgumentError(
        'METRIC_INDICATOR',
        `${where}: expected rows of ${width} zeros and ones (one a label), got ${JSON.stringify(Array.from(row)).slice(0, 80)} at ${i}; ` +
          'pass 1 for each label that applies',
        { index: i, width },
      )
    }
  })
}
