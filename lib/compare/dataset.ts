import type { Example } from '../data/examples.ts'
import type { NamedColumns } from '../data/columns.ts'
import type { Source } from '../host/chunks.ts'
import type { MetricName, ProblemType } from '../metrics/task-metrics.ts'

/** Examples in memory, or the path of a jsonl, csv, tsv or parquet file of them, or of a saved `datasets` folder. */
export type ExamplesOrFile = Source<Example> | string

/** A data set of the user's own. */
export interface CompareDataset extends NamedColumns {
  name: string
  train: ExamplesOrFile
  validation?: ExamplesOrFile | undefined
  test?: ExamplesOrFile | undefined
  problemType?: ProblemType | undefined
  labels?: readonly string[] | undefined
  /** What it is compared by. */
  metric?: string | undefined
  delimiter?: string | undefined
}

export const PARTS = ['train', 'validation', 'test'] as const
export type Part = (typeof PARTS)[number]

/** A data set as the process that reads it is told of it: plain data. */
export interface DatasetSource {
  readonly name: string
  /** A known data set is found in `folder`, or else in the cache. */
  readonly known?: { readonly folder: string | undefined } | undefined
  /** Files of the user's own. */
  readonly files?: Readonly<Partial<Record<Part, string>>> | undefined
  readonly columns?: (NamedColumns & { delimiter?: string | undefined }) | undefined
  /** Lines `[part, example]` that were in the caller's memory. */
  readonly lines?: string | undefined
  readonly problemType?: ProblemType | undefined
  readonly labels?: readonly string[] | undefined
}

/** What was found in a data set. */
export interface PreparedDataset {
  readonly name: string
  /** Where its rows lie for the runs: JSON of the parts. */
  readonly file: string
  readonly problemType: ProblemType
  readonly labels: readonly string[] | undefined
  /** The scores that it has, the main one first. */
  readonly metrics: readonly MetricName[]
  readonly parts: Readonly<Partial<Record<Part, { rows: number; sha256: string }>>>
  readonly warnings: readonly string[]
  /** Hash of the pretrained model. */
  readonly model: string
}

/** The rows of a prepared data set. */
export type PreparedRows = { [P in Part]?: Example[] | undefined }
