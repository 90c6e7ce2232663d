import { AbortError, ConfigError } from '../errors.ts'
import { useGradientCheckpointing } from '../models/index.ts'
import { cuda, manualSeed } from '../tensor/index.ts'
import { bestEntry } from './best.ts'
import { trainByMethod } from './by-method.ts'
import type { Settings } from './config.ts'
import { evaluateRows, scoreNames } from './evaluate.ts'
import { fingerprintOf } from './fingerprint.ts'
import { centreNewHead } from './head-start.ts'
import { peakBytes } from './memory.ts'
import { type Objective, objectiveOf } from './objective.ts'
import { countTruncated, type Row } from './rows.ts'
import { Run } from './run.ts'
import { openRunFiles } from './run-files.ts'
import { taskOf } from './tasks.ts'
import { refuseWithoutTokens } from './token-classification.ts'
import { Training } from './training.ts'
import type { TunableModel } from './tunable-model.ts'
import type { AnyExample, FitHooks, FitReport, Metrics } from './types.ts'

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
  readonly examples: readonly AnyExample[]
  readonly validation: readonly AnyExample[] | undefined
  readonly test: readonly AnyExample[] | undefined
}

/**
 * Checks the examples of a training and takes as many as the settings say.
 *
 * @throws DataError naming the first bad example
 */
export async function collectData(
  given: {
    examples: readonly AnyExample[]
    validation?: readonly AnyExample[] | undefined
    test?: readonly AnyExample[] | undefined
  },
  settings: Settings,
): Promise<FitData> {
  const { limitTrain, limitEval, problemType } = settings
  const task = taskOf(settings)
  const collect = (rows: readonly AnyExample[], where: string, limit: number | undefined) =>
    task.collect(rows.slice(0, limit), { problemType, where })
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
  const { tokenizer, maxLength, stride } = model
  const context = { tokenizer, maxLength, stride, shouldStop }
  const encode = (examples: readonly AnyExample[], where: string) =>
    model.task.encode(examples, model.labels, where, context)
  const rows = await encode(data.examples, 'examples')
  refuseWithoutTokens(rows, 'examples')
  const validation = data.validation && (await encode(data.validation, 'validation'))
  const test = data.test && (await encode(data.test, 'test'))
  const evaluate = (part: readonly Row[]) =>
    evaluateRows(model, part, { batchSize: settings.evalBatchSize, shouldStop })

  await checkBest(settings, model, data)
  const objective = objectiveOf(settings, rows, model.labels)
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
  model.precision = settings.precision === 'bfloat16' ? 'bfloat16' : 'float32'
  await train(model, { settings, rows, run, objective })

  const metrics: { validation?: Metrics; test?: Metrics } = {}
  const best = validation && settings.loadBest ? bestEntry(run.log.entries, settings) : undefined
  const last = best ?? run.log.entries.findLast(entry => entry.evaluation)
  if (validation && last?.evaluation) metrics.validation = last.evaluation
  if (test)
    metrics.test = await evaluate(test).catch((error: unknown) =>
      Promise.reject(withCheckpoint(error, run.lastCheckpoint)),
    )
  const counted = (phase: string) => {
    const last = new Map(run.log.entries.filter(entry => entry.phase === phase).map(({ part, step }) => [part, step]))
    return [...last.values()].reduce((sum, step) => sum + step, 0)
  }
  const { search, retrain, train: single } = run.seconds
  const report: FitReport = {
    task: settings.task,
    dataset: dataset ?? null,
    method: settings.method,
    seed: settings.seed,
    metrics,
    ...(best ? { best: { step: best.step, metric: settings.bestMetric } } : {}),
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

interface TrainInput {
  readonly settings: Settings
  readonly rows: readonly Row[]
  readonly run: Run
  readonly objective: Objective
}

async function train(model: TunableModel, { settings, rows, run, objective }: TrainInput): Promise<void> {
  const training = new Training(model, settings, rows, run)
  for (const [, parameter] of model.trainable) parameter.requiresGrad = true // an earlier retraining froze magnitudes
  centreNewHead(model, rows)
  manualSeed(settings.seed)
  const plain = model.objective
  model.objective = objective
  useGradientCheckpointing(model.classifier, settings.gradientCheckpointing)
  try {
    await trainByMethod(training)
  } finally {
    useGradientCheckpointing(model.classifier, false)
    model.classifier.releaseAll() // predictions do without the copies of weights that a training reads
    model.objective = plain
    objective.dispose()
    training.dispose()
  }
}

/** What `loadBest` and `patience` need of examples and labels. */
async function checkBest(
  { loadBest, patience, bestMetric }: Settings,
  model: TunableModel,
  { validation }: FitData,
): Promise<void> {
  if (!loadBest && patience === undefined) return
  const refuse = (key: string, sentence: string): never => {
    throw new ConfigError('CONFIG_TOGETHER', `fit: ${sentence}`, { key })
  }
  const key = loadBest ? 'loadBest' : 'patience'
  if (!validation) refuse(key, `${key} goes by validation examples, and there are none; give them, or remove ${key}`)
  const names = await scoreNames(model)
  if (!names.includes(bestMetric))
    refuse('bestMetric', `bestMetric must be a score of this task (${names.join(', ')}), got '${bestMetric}'`)
}
