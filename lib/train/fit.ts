import { collectExamples } from '../data/examples.ts'
import { AbortError } from '../errors.ts'
import { cuda, manualSeed } from '../tensor/index.ts'
import { trainBidora } from './bidora.ts'
import type { Settings } from './config.ts'
import { evaluateRows } from './evaluate.ts'
import { fingerprintOf } from './fingerprint.ts'
import { peakBytes } from './memory.ts'
import { trainOneLevel } from './one-level.ts'
import { countTruncated, encodeExamples, type Row } from './rows.ts'
import { Run } from './run.ts'
import { openRunFiles } from './run-files.ts'
import { Training } from './training.ts'
import type { TunableModel } from './tunable-model.ts'
import type { Example, FitHooks, FitReport, Metrics } from './types.ts'

/** What one training is made of. */
export interface FitInput {
  readonly model: TunableModel
  /** Folder of the pretrained model. */
  readonly base: string
  readonly settings: Settings
  readonly data: FitData
  readonly dataset: string | undefined
  readonly hooks: FitHooks
}

/** Examples that were checked and limited. */
export interface FitData {
  readonly examples: readonly Example[]
  readonly validation: readonly Example[] | undefined
  readonly test: readonly Example[] | undefined
}

/**
 * Checks the examples of a training and takes as many as the settings say.
 *
 * @throws DataError naming the first bad example
 */
export async function collectData(
  given: {
    examples: readonly Example[]
    validation?: readonly Example[] | undefined
    test?: readonly Example[] | undefined
  },
  { limitTrain, limitEval, problemType }: Settings,
): Promise<FitData> {
  const collect = (rows: readonly Example[], where: string, limit: number | undefined) =>
    collectExamples(rows.slice(0, limit), { problemType, where })
  return {
    examples: await collect(given.examples, 'examples', limitTrain),
    validation: given.validation && (await collect(given.validation, 'validation', limitEval)),
    test: given.test && (await collect(given.test, 'test', limitEval)),
  }
}

/** Trains a model by its method, evaluates it and reports. */
export async function fitModel({
  model,
  base,
  settings,
  data,
  dataset,
  hooks,
}: FitInput): Promise<{ report: FitReport; rows: Row[] }> {
  const began = performance.now()
  if (model.device.startsWith('cuda')) cuda.resetPeakMemory(model.device)
  const shouldStop = hooks.shouldStop ?? (() => false)
  const context = { tokenizer: model.tokenizer, maxLength: settings.maxLength, shouldStop }
  const encode = (examples: readonly Example[], where: string) => encodeExamples(examples, model.labels, where, context)
  const rows = await encode(data.examples, 'examples')
  const validation = data.validation && (await encode(data.validation, 'validation'))
  const test = data.test && (await encode(data.test, 'test'))
  const evaluate = (part: readonly Row[]) =>
    evaluateRows(model, part, { batchSize: settings.evalBatchSize, shouldStop })

  const { output } = settings
  const labels = model.labels?.labels ?? []
  const files =
    output === undefined
      ? undefined
      : openRunFiles(
          output,
          settings,
          fingerprintOf(settings, labels, { examples: data.examples, validation: data.validation ?? [], base }),
          (path, reason) => process.emitWarning(`${path} is passed over: ${reason}`, 'BidoraWarning'),
        )
  const truncated = countTruncated(rows)
  const run = new Run({ settings, hooks, truncated, files, evaluate: validation && (() => evaluate(validation)) })
  await train(model, settings, rows, run)

  const metrics: { validation?: Metrics; test?: Metrics } = {}
  const last = run.log.entries.findLast(entry => entry.evaluation)
  if (validation && last?.evaluation) metrics.validation = last.evaluation
  if (test)
    metrics.test = await evaluate(test).catch((error: unknown) =>
      Promise.reject(withCheckpoint(error, run.lastCheckpoint)),
    )
  const counted = (phase: string) => run.log.entries.findLast(entry => entry.phase === phase)?.step ?? 0
  const { search, retrain, train: single } = run.seconds
  const report: FitReport = {
    task: settings.task,
    dataset: dataset ?? null,
    method: settings.method,
    seed: settings.seed,
    metrics,
    parameters: model.parameters,
    steps: { search: counted('search'), retrain: counted('retrain') + counted('train') },
    time: {
      search,
      retrain: retrain + single,
      total: Math.max((performance.now() - began) / 1000, search + retrain + single),
    },
    memory: { peakBytes: peakBytes(model.device) },
    truncated: { train: truncated, validation: countTruncated(validation ?? []), test: countTruncated(test ?? []) },
    history: [...run.log.entries],
  }
  return { report, rows }
}

/** A stop after the training is done loses nothing where there is a checkpoint. */
function withCheckpoint(error: unknown, checkpoint: string | undefined): unknown {
  if (!(error instanceof AbortError) || checkpoint === undefined) return error
  const message = `fit: stopped in the evaluation of the test examples; its checkpoint is ${checkpoint}; go on with resume`
  return new AbortError('STOPPED', message, { checkpoint })
}

async function train(model: TunableModel, settings: Settings, rows: readonly Row[], run: Run): Promise<void> {
  const training = new Training(model, settings, rows, run)
  for (const [, parameter] of model.trainable) parameter.requiresGrad = true // an earlier retraining froze magnitudes
  run.returnToStart(model.trainable)
  manualSeed(settings.seed)
  try {
    if (settings.method === 'bidora') return await trainBidora(training)
    const steps = settings.retrainSteps ?? training.stepsOf(settings.retrainEpochs, rows.length)
    await trainOneLevel(training, 'train', training.parametersOf('lower'), steps, batch => training.loss(batch))
  } finally {
    training.dispose()
  }
}
