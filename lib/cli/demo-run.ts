import { BiDoRA } from '../bidora.ts'
import type { Example, FitOptions } from '../train/types.ts'
import type { DemoPrediction, DemoRow } from './demo-text.ts'
import type { ProgressView } from './progress.ts'

/** What the demo works with. */
export type DemoInput = {
  /** Folder of the pretrained model. */
  base: string
  train: readonly Example[]
  test: readonly Example[]
  /** Folder that the BiDoRA adapter is saved to. */
  output: string
  view: ProgressView
  signal: AbortSignal
}

/** What is compared. The last one is kept and tried. */
const methods = ['head', 'lora', 'bidora'] as const

/** The first words of a mail say most of what it is, and half the length is half the time. */
const maxLength = 64

/** The same for all but the head, which alone learns best in larger steps. */
const training: FitOptions = { batchSize: 16, epochs: 3, learningRate: 3e-3, logEvery: 5, dataset: 'spamassassin' }
const headTraining: FitOptions = { ...training, learningRate: 1e-2 }

/** Tunes by every method, one after the other, and tries the last one out. */
export async function runDemo(input: DemoInput): Promise<{ rows: DemoRow[]; predictions: DemoPrediction[] }> {
  const rows: DemoRow[] = []
  let predictions: DemoPrediction[] = []
  for (const method of methods) {
    await using model = await BiDoRA.fromPretrained(input.base, { method, maxLength, labels: ['ham', 'spam'] })
    input.view.note(`demo: ${method} ...`)
    rows.push(await tune(model, method === 'head' ? headTraining : training, input))
    if (method !== methods.at(-1)) continue
    await model.save(input.output)
    predictions = await tryOut(model, input.test)
  }
  return { rows, predictions }
}

async function tune(model: BiDoRA, settings: FitOptions, { train, test, view, signal }: DemoInput): Promise<DemoRow> {
  const report = await model.fit(train, { ...settings, test, onProgress: progress => view.update(progress), signal })
  view.end()
  const { method, parameters, time, metrics } = report
  return { method, trainable: parameters.trainable, seconds: time.total, metrics: metrics.test ?? {} }
}

/** The first spam and the first two hams of the test part: not chosen by their answers. */
async function tryOut(model: BiDoRA, test: readonly Example[]): Promise<DemoPrediction[]> {
  const first = (label: string, count: number) => test.filter(mail => mail.label === label).slice(0, count)
  const some = [...first('spam', 1), ...first('ham', 2)]
  const predictions = await model.predict(some.map(({ text }) => text))
  return predictions.map(({ label = '', score = Number.NaN }, index) => {
    const mail = some[index]
    return { subject: mail?.text.split('\n')[0] ?? '', expected: String(mail?.label), label, score }
  })
}
