export { analyze } from './analyze/analyze.ts'
export type { Analysis, AnalysisFiles, AnalyzeOptions, KindFit, LayerChange } from './analyze/types.ts'
export { BiDoRA, type CallOptions, type FitOptions } from './bidora.ts'
export {
  type CompareDataset,
  type CompareOptions,
  type CompareProgress,
  type CompareReport,
  type CompareVariant,
  type Comparison,
  compare,
} from './compare.ts'
export { loadDataset } from './data/load-dataset.ts'
export {
  AbortError,
  ArgumentError,
  BidoraError,
  ConfigError,
  DataError,
  FormatError,
  SetupError,
  ShapeError,
  TorchError,
  TorchOutOfMemoryError,
} from './errors.ts'
export type { Source } from './host/chunks.ts'
export type { PredictedEntity } from './predict/token-classification.ts'
export type {
  AnyExample,
  CreateOptions,
  Example,
  FitReport,
  HistoryEntry,
  LoadOptions,
  MergeReport,
  Metrics,
  ModelInfo,
  Prediction,
  PredictInput,
  Progress,
  TokenExample,
} from './train/types.ts'
export { version } from './version.ts'
