import { marksEntities } from '../data/token-examples.ts'
import { accuracy, entitiesOf, macroF1, microF1, taggingMetrics } from '../metrics/index.ts'
import { argmax, logSumExp, outsideOf } from '../predict/index.ts'
import type { TaskScores } from './task.ts'
import type { TokenRow } from './token-classification.ts'
import type { TunableModel } from './tunable-model.ts'
import type { Metrics } from './types.ts'
import { wordLogits } from './word-logits.ts'

/** Scores of entities, or of the labels themselves where they mark none; every word counts, those without tokens too. */
export const tokenScores: TaskScores = {
  async evaluate(model, rows: readonly TokenRow[], options) {
    const logits = await wordLogits(
      model,
      rows.map(({ encoded }) => encoded),
      { ...options, layers: undefined },
    )
    const outside = outsideOf(model.labels!.labels)
    let [loss, words] = [0, 0]
    const predictions = rows.map(({ target }, sentence) =>
      target.map((wanted, word) => {
        const row = logits[sentence]![word]
        if (row === undefined) return outside
        loss += logSumExp(row) - row[wanted]!
        words++
        return argmax(row)
      }),
    )
    const references = rows.map(({ target }) => target)
    return { ...scoresOf(model, predictions, references), loss: loss / words }
  },

  names: model => ['loss', ...Object.keys(scoresOf(model, [[0]], [[0]]))],
}

function scoresOf(
  { labels }: TunableModel,
  predictions: readonly (readonly number[])[],
  references: readonly (readonly number[])[],
): Metrics {
  const set = labels!
  if (marksEntities(set)) {
    const tags = (sentences: readonly (readonly number[])[]) =>
      sentences.map(sentence => sentence.map(index => set.labels[index]!))
    const types = set.labels.flatMap(label => entitiesOf([label]).map(({ type }) => type))
    return taggingMetrics(tags(predictions), tags(references), types)
  }
  const [predicted, expected] = [predictions.flat(), references.flat()]
  return {
    accuracy: accuracy(predicted, expected),
    microF1: microF1(predicted, expected),
    macroF1: macroF1(predicted, expected),
  }
}
