import type { WilcoxonResult } from '../statistics/index.ts'
import type { GivenFitSettings, GivenModelSettings } from '../train/config.ts'
import type { Progress } from '../train/types.ts'
import type { Source } from '../host/chunks.ts'
import type { Example } from '../data/examples.ts'
import type { CompareDataset, PreparedDataset } from './dataset.ts'
import type { StoredRun } from './runs.ts'

type Settings = Omit<GivenModelSettings & GivenFitSettings, 'method' | 'seed' | 'output' | 'resume' | 'task'>

/** A variant: a method (BiDoRA unless named) with settings of its own. */
export type CompareVariant = Omit<GivenModelSettings & GivenFitSettings, 'seed' | 'output' | 'resume' | 'task'> & {
  epochs?: number | undefined
  learningRate?: number | undefined
}

/** What is compared, on what, and how. Settings of `fromPretrained` and `fit` may stand beside; each goes to the methods that read it. */
export type CompareOptions = Settings & {
  /** Short for `retrainEpochs`. */
  epochs?: number | undefined
  /** Short for `retrainLearningRate`. */
  learningRate?: number | undefined
  /** Local Hugging Face folder of the pretrained model, or a hub id that is in a cache of this machine. */
  model: string
  /** Methods, and names of variants, in the order of the table. */
  methods?: readonly string[] | undefined
  /** Methods with settings of their own, by name. */
  variants?: Readonly<Record<string, CompareVariant>> | undefined
  seeds: readonly number[]
  /** Known data sets by name, and data sets of one's own. */
  datasets?: readonly (string | CompareDataset)[] | undefined
  /** Folder that holds one folder a known data set. */
  data?: string | undefined
  /** One data set in memory, in the place of `datasets`. */
  examples?: Source<Example> | undefined
  validation?: Source<Example> | undefined
  test?: Source<Example> | undefined
  /** What runs are compared by, for all data sets; each one's main score unless given. */
  metric?: string | undefined
  /** The part that runs are scored on: `test` where there is one, unless given. */
  scoreOn?: 'validation' | 'test' | undefined
  /** Share of the training rows to hold out and score on, in the place of other parts: for choices. */
  holdOut?: number | undefined
  /** Which are tested against each other: each with the first (as it is unless given), all, or those named. */
  pairs?: 'first' | 'all' | readonly (readonly [string, string])[] | undefined
  /** Folder of the results: finished runs in it are kept and used again. */
  output: string
  /** Processes beside each other; half of the cores unless given, one where there is a GPU. */
  jobs?: number | undefined
  /** Whether tuned models are kept beside the results. */
  keepModels?: boolean | undefined
  onProgress?: ((progress: CompareProgress) => void) | undefined
  /** Ends all runs at their next step, each with a checkpoint. */
  signal?: AbortSignal | undefined
}

/** What is reported while runs are made. */
export interface CompareProgress {
  /**
   * `prepared`: a data set was read. Of a run: `kept` (finished before), `started`, `training` (a step), `done`, `failed`.
   */
  kind: 'prepared' | 'kept' | 'started' | 'training' | 'done' | 'failed'
  dataset: string
  /** Of a run only. */
  method?: string | undefined
  seed?: number | undefined
  /** Runs that are finished, those that were kept among them. */
  finished: number
  failed: number
  total: number
  /** Of a finished run. */
  score?: number | undefined
  metric?: string | undefined
  seconds?: number | undefined
  /** Of a run that trains. */
  training?: Progress | undefined
  /** Why a run failed. */
  error?: Error | undefined
  /** What should be known of a data set, or of a run that is done. */
  warnings?: readonly string[] | undefined
}

/** A mean over seeds or runs. */
export interface Summary {
  mean: number
  /** Sample standard deviation; null for a single one. */
  spread: number | null
  count: number
}

export interface ReportDataset extends Pick<PreparedDataset, 'name' | 'problemType' | 'labels' | 'parts' | 'warnings'> {
  metric: string
  higherIsBetter: boolean
  /** `held-out`: rows held out of the training part. */
  scoredOn: 'validation' | 'test' | 'held-out'
}

/** One run: finished, or failed with a reason. */
export type ReportRun = { dataset: string; method: string; seed: number; fingerprint: string } & (
  | ({ status: 'done'; score: number | null } & Pick<
      StoredRun,
      | 'metrics'
      | 'parameters'
      | 'steps'
      | 'time'
      | 'memory'
      | 'truncated'
      | 'warnings'
      | 'threads'
      | 'versions'
      | 'finished'
    >)
  | { status: 'failed'; error: { name: string; code: string | null; message: string } }
)

/** One line of the table. */
export interface TableRow {
  name: string
  parameters: { trainable: number; total: number } | null
  /** By data set; null where no run has a score. */
  scores: Record<string, Summary | null>
  /** Mean of the data sets' means; null where one is missing, or where some scores are better low. */
  mean: number | null
  /** Seconds of a run. */
  time: Summary | null
  /** Largest of the runs. */
  peakBytes: number | null
}

/** Two contenders, pair by pair of runs with the same data set and seed. */
export interface Comparison {
  method: string
  against: string
  /** By data set: how much better `method` is. */
  gains: Record<string, Summary | null>
  /** Mean of the data sets' mean gains. */
  gain: number | null
  /** Gains of all pairs, to 12 decimals: what is tested. */
  differences: { dataset: string; seed: number; gain: number }[]
  /** Pairs of which a run failed or has no score. */
  missing: number
  /** Two-sided; null where there is none, and then `note` says why. */
  test: (WilcoxonResult & { holm: number; smallest: number }) | null
  /** Bootstrap over data sets and seeds. */
  interval: { low: number; high: number; standardError: number; level: number; resamples: number } | null
  note: string | null
}

/** What a comparison has found: `compare.json`. */
export interface CompareReport {
  schema: 1
  finished: string
  versions: { 'bidora-torch': string; node: string }
  model: string
  seeds: readonly number[]
  jobs: number
  threads: number
  datasets: ReportDataset[]
  methods: { name: string; method: string; settings: Readonly<Record<string, unknown>> }[]
  runs: ReportRun[]
  failed: number
  table: TableRow[]
  comparisons: Comparison[]
}
