import { Command, Option } from 'commander'
import { BiDoRA } from '../bidora.ts'
import { type FileFormat, fileFormats } from '../data/file-rows.ts'
import { requirePart } from '../data/index.ts'
import { ConfigError } from '../errors.ts'
import type { ModelSettings } from '../train/config.ts'
import type { AnyExample, ModelInfo } from '../train/types.ts'
import { addColumnFlags, type ColumnFlags } from './column-flags.ts'
import { addDatasetFlags, type DatasetFlags, readDataset, readExamples, requireTrainTask } from './data-flags.ts'
import { addLoadFlags, type LoadFlags, loadOptions } from './load-flags.ts'
import { conclude } from './outcome.ts'
import { formatMetrics } from './progress.ts'

const splits = {
  train: 'train',
  validation: 'validation',
  'validation-mismatched': 'validationMismatched',
  test: 'test',
} as const
type Split = keyof typeof splits
type Flags = LoadFlags &
  DatasetFlags &
  ColumnFlags & { format?: FileFormat; split?: Split; limitEval?: string; json?: boolean }

/** `evaluate`: the scores of a saved model. */
export function evaluateCommand(): Command {
  const command = new Command('evaluate')
    .description('Prints the scores of a saved model on labelled examples: a file, stdin, or a known data set')
    .argument(
      '[file]',
      '.jsonl, .csv, .tsv, .conll (also with .gz), .parquet; - is stdin (jsonl unless --format says otherwise)',
    )
    .addOption(new Option('--format <format>', 'how the file is read').choices(fileFormats))
    .addOption(
      new Option('--split <part>', 'part of the data set (default: test where it has one)').choices(
        Object.keys(splits),
      ),
    )
    .option('--limit-eval <number>', 'take only the first so many examples')
    .option('--json', 'print one JSON object on stdout')
    .action((file: string | undefined, flags: Flags) =>
      conclude('evaluate', flags.json === true, () => evaluate(file, flags)),
    )
  return addLoadFlags(addColumnFlags(addDatasetFlags(command), true))
}

async function evaluate(file: string | undefined, flags: Flags): Promise<object> {
  const limit = limitOf(flags.limitEval)
  if ((file === undefined) === (flags.dataset === undefined)) {
    throw new ConfigError('CONFIG_DATA', 'evaluate: expected either a file or --dataset NAME; give one of them', {
      key: 'dataset',
    })
  }
  await using model = await BiDoRA.load(flags.model, loadOptions(flags))
  const all = file === undefined ? await fromDataset(flags, model.info) : await fromFile(file, flags, model.info)
  const examples = all.slice(0, limit)
  const metrics = await model.evaluate(examples)
  if (!flags.json) process.stdout.write(`${formatMetrics(metrics)} (${examples.length} examples)\n`)
  return { model: flags.model, examples: examples.length, metrics }
}

async function fromDataset(flags: Flags, { task }: ModelInfo): Promise<readonly AnyExample[]> {
  const dataset = requireTrainTask(await readDataset(flags.dataset ?? '', flags.data), task)
  const split = flags.split ?? (dataset.test === undefined ? 'validation' : 'test')
  return requirePart(dataset, splits[split])
}

/** Read with what the model knows, so that an unknown label is found with its line. */
function fromFile(
  file: string,
  flags: Flags,
  { task, problemType, labels }: ModelInfo,
): Promise<readonly AnyExample[]> {
  const format = flags.format ?? (file === '-' ? 'jsonl' : undefined)
  return readExamples(file, flags, { task: task as ModelSettings['task'], problemType, labels, format })
}

function limitOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const limit = Number(text)
  if (Number.isSafeInteger(limit) && limit >= 1) return limit
  throw new ConfigError('CONFIG_VALUE', `--limit-eval: expected an integer of at least 1, got '${text}'`, {
    key: 'limitEval',
  })
}
