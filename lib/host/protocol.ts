import type {
  CreateOptions,
  FitOptions,
  FitReport,
  LoadOptions,
  MergeReport,
  Metrics,
  ModelInfo,
  Prediction,
  PredictInput,
} from '../train/index.ts'
import type { PlainError } from './plain-error.ts'

/**
 * What can be asked of a model's thread: the input and the result of every call. All of it is plain data that can be
 * cloned from thread to thread; a tensor never crosses. Examples go up first, in small messages (`append`), and are
 * then named by the number of their upload.
 */
export type Calls = {
  create: { input: { directory: string; options: CreateOptions }; result: ModelInfo }
  load: { input: { directory: string; options: LoadOptions }; result: ModelInfo }
  append: { input: { upload: number; items: unknown[] }; result: undefined }
  forget: { input: { uploads: number[] }; result: undefined }
  fit: { input: FitInput; result: { report: FitReport; info: ModelInfo } }
  evaluate: { input: { examples: number }; result: Metrics }
  predict: { input: { inputs: PredictInput[] }; result: Prediction[] }
  save: { input: { directory: string }; result: undefined }
  merge: { input: { directory: string }; result: MergeReport }
  dispose: { input: Record<string, never>; result: undefined }
}

/** Numbers of uploads, and the options of `fit` that are plain data. */
export type FitInput = {
  examples: number
  validation: number | undefined
  test: number | undefined
  options: Omit<FitOptions, 'validation' | 'test'>
}

export type CallName = keyof Calls
export type CallInput<N extends CallName> = Calls[N]['input']
export type CallResult<N extends CallName> = Calls[N]['result']

/** Caller to worker. `stop` becomes non-zero when the work is to end at its next step. */
export type Call = {
  [N in CallName]: { id: number; name: N; input: CallInput<N>; stop: SharedArrayBuffer | undefined }
}[CallName]

/** Worker to caller: any number of `progress` and then one `result` or one `error` for each call. */
export type Reply =
  | { id: number; kind: 'progress'; value: unknown }
  | { id: number; kind: 'result'; value: unknown }
  | { id: number; kind: 'error'; error: PlainError }
