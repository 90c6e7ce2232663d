import type { MagnitudeAxis } from '../adapters/index.ts'

/** What `analyze` compares, and how. */
export interface AnalyzeOptions {
  /**
   * Folder of the model that was changed: an adapter (of this library or of PEFT), a run's output, a merged or fully tuned
   * model, or any Hugging Face folder of the same architecture.
   */
  adapter: string
  /** Folder of the pretrained model; left out, the one that `adapter_config.json` names. */
  model?: string | undefined
  /** Folder of another model (of any of these kinds) to measure from, in the place of the pretrained one. */
  against?: string | undefined
  /** One magnitude per output or per input; left out, the adapter's own, else `'out'`. */
  magnitudeAxis?: MagnitudeAxis | undefined
  /** Ends of the names of the layers that are looked at (`query`, `attention.output.dense`); left out, all that may differ. */
  targetModules?: readonly string[] | undefined
  /** Whether the checkpoints in `run/checkpoints` are looked at too. Default true. */
  checkpoints?: boolean | undefined
  /** Folder to write `analysis.jsonl`, `analysis.json` and the picture `analysis.svg` to. */
  output?: string | undefined
  signal?: AbortSignal | undefined
}

/** What happened to one weight. */
export interface WeightChange {
  /** Lines of the weight that have a magnitude each: its outputs or its inputs. */
  lines: number
  /** Mean over the lines of |m - m0|, in the unit of the weights. */
  magnitudeChange: number
  /** Mean over the lines of 1 - cos between the line and what it was: from 0 to 2. */
  directionChange: number
  /** Mean over the lines of m0. */
  meanMagnitude: number
  /** Lines that are zero in one of the two weights and so have no direction: one of them alone counts as 1 - cos = 1, both as 0. */
  zeroLines: number
}

/** One line of `analysis.jsonl`: a layer at a point of the training. */
export interface LayerChange extends WeightChange {
  /** The weight's name in the pretrained checkpoint, without `.weight`. */
  layer: string
  kind: string
  /** Number of the block that the layer is in; null for a layer in none. */
  block: number | null
  /** `final` for what the folder itself holds, else the name of the checkpoint's folder. */
  checkpoint: string
  phase: string | null
  /** Step within the phase; null for `final`. */
  step: number | null
  magnitudeAxis: MagnitudeAxis
}

/** The line `magnitudeChange = intercept + slope * directionChange` through all points of a kind of layer. */
export interface KindFit {
  kind: string
  points: number
  /** By least squares; null where the direction changes of the points are all the same. */
  slope: number | null
  intercept: number | null
  /** Pearson's; null where it is not defined. */
  correlation: number | null
  meanMagnitudeChange: number
  meanDirectionChange: number
}

/** The result of `analyze`. */
export interface Analysis {
  adapter: string
  /** The folder that was measured from. */
  against: string
  magnitudeAxis: MagnitudeAxis
  layers: LayerChange[]
  /** One for each kind of layer that changed, in the order of the model. */
  fits: KindFit[]
  /** Kinds none of whose layers changed. */
  unchanged: string[]
  /** Where it was written, if `output` asked for it. */
  files?: AnalysisFiles
}

/** Paths of a written analysis. */
export interface AnalysisFiles {
  /** A line of JSON for each layer and checkpoint. */
  lines: string
  /** What was compared, and the fits. */
  summary: string
  picture: string
}
