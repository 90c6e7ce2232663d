import { Command } from 'commander'
import { BiDoRA } from '../bidora.ts'
import { AbortError, ConfigError } from '../errors.ts'
import { findPretrained } from '../host/find-pretrained.ts'
import { fitSettings, modelSettings } from '../train/settings.ts'
import type { CreateOptions, FitOptions, FitReport } from '../train/types.ts'
import { addColumnFlags } from './column-flags.ts'
import { addDatasetFlags, type Parts, readParts } from './data-flags.ts'
import { interruptible } from './interrupt.ts'
import { conclude } from './outcome.ts'
import { formatBytes, formatMetrics, formatSeconds, type ProgressView, progressView } from './progress.ts'
import { addSettingsFlags } from './settings-flags.ts'
import { type TrainRequest, trainRequest } from './train-settings.ts'

type Flags = Record<string, unknown> & { json?: boolean }

/** `train`: tunes a model on a known data set or on the user's own files. */
export function trainCommand(): Command {
  const command = new Command('train')
    .description('Tunes a pretrained model; writes adapter, tokenizer, model card and the record of the run')
    .option('--model <dir>', 'folder of the pretrained model, or the hub id of one in a cache')
    .option(
      '--train <file>',
      'training examples of your own: .jsonl, .csv, .tsv (also with .gz), .parquet, or a saved datasets folder',
    )
    .option('--validation <file>', 'examples that are only evaluated while training')
    .option('--test <file>', 'examples that are evaluated once, at the end')
    .option('--config <file>', 'JSON file with any of these options in camelCase; the command line outweighs it')
    .option('--json', 'print one JSON object on stdout')
    .action((flags: Flags) => conclude('train', flags.json === true, () => train(flags)))
  return addSettingsFlags(addColumnFlags(addDatasetFlags(command), true))
}

async function train(flags: Flags): Promise<object> {
  const view = progressView()
  const request = trainRequest(flags)
  const base = modelOf(request)
  checkSettings(request)
  findPretrained(base, 'train')
  const parts = await readParts(request)
  const interrupt = interruptible(view.note)
  try {
    if (request.fit.output === undefined) view.note('train: no --output is given, so the tuned model will not be kept')
    await using model = await BiDoRA.fromPretrained(base, { ...parts.settings, ...request.model } as CreateOptions)
    for (const text of [...parts.warnings, startOf(parts, model)]) view.note(text)
    const report = await model.fit(parts.train, {
      ...(request.fit as Omit<FitOptions, 'validation' | 'test'>),
      validation: parts.validation,
      test: parts.test,
      dataset: parts.name,
      onProgress: progress => view.update(progress),
      signal: interrupt.signal,
    })
    view.end()
    if (!flags.json) process.stdout.write(summary(report, request))
    const { history: _, ...rest } = report
    return { ...rest, output: request.fit.output ?? null }
  } catch (error) {
    view.end()
    throw error instanceof AbortError ? explain(error, view) : error
  } finally {
    interrupt.release()
  }
}

function modelOf({ places }: TrainRequest): string {
  if (places.model !== undefined) return places.model
  throw new ConfigError('CONFIG_MODEL', 'train: expected a pretrained model, got none; give it with --model DIR', {
    key: 'model',
  })
}

/** The calls check their settings again; here it comes before any data is read. */
function checkSettings({ model, fit }: TrainRequest): void {
  fitSettings(modelSettings(model as CreateOptions), fit as FitOptions)
}

function startOf(parts: Parts, { info }: BiDoRA): string {
  const counts = (['train', 'validation', 'test'] as const).flatMap(part => {
    const examples = parts[part]
    return examples === undefined ? [] : `${examples.length} ${part}`
  })
  return `train: ${info.method} on ${info.modelType} (${info.device}, ${info.dtype}), examples: ${counts.join(', ')}`
}

function explain(error: AbortError, view: ProgressView): AbortError {
  const { checkpoint } = error.details
  if (typeof checkpoint === 'string')
    view.note(`train: checkpoint in ${checkpoint}; the same command with --resume goes on from it`)
  return error
}

function summary(report: FitReport, { fit }: TrainRequest): string {
  const { parameters, metrics, steps, time, memory, truncated } = report
  const cut = truncated.train + truncated.validation + truncated.test
  const lines = [
    `method       ${report.method}, seed ${report.seed}`,
    `parameters   ${parameters.trainable} trainable of ${parameters.total}`,
    ...(metrics.validation ? [`validation   ${formatMetrics(metrics.validation)}`] : []),
    ...(metrics.test ? [`test         ${formatMetrics(metrics.test)}`] : []),
    `steps        ${steps.search > 0 ? `${steps.search} search, ` : ''}${steps.retrain} ${steps.search > 0 ? 'retrain' : 'train'}`,
    `time         ${formatSeconds(time.total)}, peak memory ${formatBytes(memory.peakBytes)}`,
    ...(cut > 0 ? [`cut          ${cut} texts were longer than the maximum length`] : []),
    ...(typeof fit.output === 'string' ? [`written to   ${fit.output}`] : []),
  ]
  return `${lines.join('\n')}\n`
}
