import type { Row } from './rows.ts'
import type { ScoreOptions } from './task.ts'
import type { TunableModel } from './tunable-model.ts'
import type { Metrics } from './types.ts'

/**
 * Loss and scores of a model on rows, by its task: no gradients, no dropout, products in the model's precision. The loss is
 * the mean over rows (over labelled words, of tokens), in float64, without weights of classes or smoothing.
 *
 * @throws AbortError when stopped
 */
export async function evaluateRows(model: TunableModel, rows: readonly Row[], options: ScoreOptions): Promise<Metrics> {
  const { evaluate } = await model.task.scores()
  return evaluate(model, rows, options)
}

/** Names of the scores that `evaluateRows` gives for a model. */
export async function scoreNames(model: TunableModel): Promise<string[]> {
  const { names } = await model.task.scores()
  return names(model)
}
