import { collectExamples, collectInputs } from '../data/examples.ts'
import { prepareLabels } from '../data/labels.ts'
import { packBatch, toBatch } from '../models/index.ts'
import { logitsOf, toPrediction } from '../predict/index.ts'
import { tensor } from '../tensor/index.ts'
import { padBatch } from '../text/index.ts'
import { encodeExamples, encodeInputs } from './rows.ts'
import type { Task } from './task.ts'

/** One row of logits a text: a label, several, or a number. */
export const textClassification: Task = {
  head: 'text-classification',
  peftType: 'SEQ_CLS',
  title: 'Text classification',
  autoModel: 'AutoModelForSequenceClassification',
  collect: collectExamples,
  prepareLabels,
  encode: encodeExamples,

  batch(rows, { tokenizer, device, settings }) {
    const padding = tokenizer.padding()
    const padded = padBatch(
      rows.map(row => row.encoded),
      padding,
    )
    const dtype = settings.problemType === 'single-label' ? 'int64' : settings.dtype
    return {
      inputs: padding.side === 'right' ? packBatch(padded, device) : toBatch(padded, device),
      targets: tensor(
        rows.map(row => row.target),
        { dtype, device },
      ), // [batch], several labels: [batch, labels]
    }
  },

  scores: async () => (await import('./text-scores.ts')).textScores,

  async predict(model, inputs, { batchSize, layers, shouldStop, context }) {
    const encoded = await encodeInputs(await collectInputs(inputs), context)
    const logits = await logitsOf(model.classifier, encoded, {
      batchSize,
      padding: model.tokenizer.padding(),
      precision: model.precision,
      layers,
      shouldStop,
    })
    const { problemType } = model.settings
    return logits.map((row, index) => {
      const prediction = toPrediction(row, problemType, model.labels?.labels ?? [])
      return encoded[index]!.truncated ? { ...prediction, truncated: true } : prediction
    })
  },
}
