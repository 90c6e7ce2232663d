import { writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { collectExamples } from '../data/examples.ts'
import { encodeLabels, prepareLabels } from '../data/labels.ts'
import { readLines } from '../data/lines.ts'
import { loadDataset } from '../data/load-dataset.ts'
import { loadFile } from '../data/load-file.ts'
import { requirePart, requireTask } from '../data/dataset.ts'
import { ConfigError } from '../errors.ts'
import { type MetricName, type ProblemType, taskMetrics } from '../metrics/task-metrics.ts'
import { findDataset } from '../setup/assets.ts'
import { hashExamples, hashModel } from '../train/fingerprint.ts'
import type { Example } from '../data/examples.ts'
import { type DatasetSource, type Part, PARTS, type PreparedDataset, type PreparedRows } from './dataset.ts'

/** What the process that reads a data set is to do. */
export interface PrepareTask {
  readonly source: DatasetSource
  /** Folder of the pretrained model. */
  readonly base: string
  /** Where the rows are written to. */
  readonly file: string
}

type Read = Pick<PreparedDataset, 'problemType' | 'warnings'> & {
  rows: PreparedRows
  labels: readonly string[] | undefined
  main: readonly MetricName[]
}

/**
 * Reads a data set once for all runs: checks its rows and labels, hashes its parts, and writes the rows where the runs
 * find them.
 *
 * @throws DataError, FormatError, ConfigError as the readers do
 */
export async function prepareDataset({ source, base, file }: PrepareTask): Promise<PreparedDataset> {
  const read = source.known ? await readKnown(source, source.known.folder) : await readOwn(source)
  const { problemType, rows } = read
  const train = rows.train ?? []
  let labels = read.labels
  if (problemType !== 'regression') {
    const set = prepareLabels(train, { problemType, labels, where: `${source.name}: train` })
    for (const part of ['validation', 'test'] as const) {
      if (rows[part]) encodeLabels(rows[part], set, `${source.name}: ${part}`)
    }
    labels = set.labels
  }
  writeFileSync(file, JSON.stringify(rows))
  const found = PARTS.flatMap(part => {
    const examples = rows[part]
    return examples === undefined ? [] : [[part, { rows: examples.length, sha256: hashExamples(examples) }] as const]
  })
  return {
    name: source.name,
    file,
    problemType,
    labels,
    metrics: mainFirst(read.main, scoresOf(problemType, labels ?? [])),
    parts: Object.fromEntries(found),
    warnings: read.warnings,
    model: hashModel(base),
  }
}

async function readKnown({ name }: DatasetSource, folder: string | undefined): Promise<Read> {
  if (folder === undefined && name !== 'spamassassin') {
    throw new ConfigError(
      'CONFIG_DATA',
      `compare: expected the folder of the data sets for ${name}, got none; give it with data (--data DIR)`,
      { key: 'data' },
    )
  }
  const found = await loadDataset(name, folder ?? dirname(findDataset('spamassassin')))
  const dataset = requireTask(found, 'text-classification')
  const { validation, test, info } = dataset
  const { problemType, labels, metrics, warnings } = info
  return {
    rows: { train: requirePart(dataset, 'train'), validation, test },
    problemType,
    labels,
    main: metrics,
    warnings,
  }
}

async function readOwn({
  name,
  files,
  columns,
  lines,
  problemType = 'single-label',
  labels,
}: DatasetSource): Promise<Read> {
  const rows: PreparedRows = {}
  for (const part of PARTS) {
    const path = files?.[part]
    if (path !== undefined) rows[part] = await loadFile(path, { ...columns, problemType, labels })
  }
  if (lines !== undefined) {
    const given: PreparedRows = {}
    for await (const { text } of readLines(lines)) {
      const [part, example] = JSON.parse(text) as [Part, Example]
      ;(given[part] ??= []).push(example)
    }
    for (const part of PARTS) {
      if (given[part]) rows[part] = await collectExamples(given[part], { problemType, where: `${name}: ${part}` })
    }
  }
  return { rows, problemType, labels, main: [], warnings: [] }
}

/** The scores that a problem of this kind has: those of a small example. */
function scoresOf(problemType: ProblemType, labels: readonly string[]): MetricName[] {
  const small = {
    'single-label': [0, 1],
    'multi-label': [labels.map((_, i) => Number(i === 0)), labels.map((_, i) => Number(i > 0))],
    regression: [0, 1],
  }[problemType]
  const scores = taskMetrics(small as number[], small as number[], { problemType, labels })
  return [...(Object.keys(scores) as MetricName[]), 'loss']
}

/** accuracy, for several labels a text microF1, for numbers pearson, unless the data set has its own order. */
function mainFirst(main: readonly MetricName[], all: readonly MetricName[]): MetricName[] {
  const first = main[0] ?? (all.includes('pearson') ? 'pearson' : all.includes('matthews') ? 'accuracy' : 'microF1')
  return [first, ...all.filter(metric => metric !== first)]
}
