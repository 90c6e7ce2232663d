import {
  assertCallback,
  assertInput,
  assertOptions,
  assertPath,
  assertSignal,
  assertSource,
  refuseUnknown,
} from './host/check-arguments.ts'
import { type ChunkLimits, chunks, type Source } from './host/chunks.ts'
import { ModelClient, type Operation } from './host/client.ts'
import { findBase, findPretrained } from './host/find-pretrained.ts'
import { modelSettings } from './train/settings.ts'
import type {
  CreateOptions,
  AnyExample,
  FitReport,
  FitOptions as FitSettings,
  LoadOptions,
  MergeReport,
  Metrics,
  ModelInfo,
  Prediction,
  PredictInput,
  Progress,
} from './train/types.ts'

/** Options of {@link BiDoRA.fit}: those of the command line in camelCase, and what only a program can give. */
export type FitOptions = Omit<FitSettings, 'validation' | 'test'> & {
  /** Examples that are only evaluated: never trained on, and never the upper level's data. */
  validation?: Source<AnyExample> | undefined
  /** Examples that are evaluated once, at the end. */
  test?: Source<AnyExample> | undefined
  /** Called while the model trains. What it throws ends the training and is what `fit` then rejects with. */
  onProgress?: ((progress: Progress) => void) | undefined
  /** Stops the training at its next step; with an `output`, a checkpoint is written first. */
  signal?: AbortSignal | undefined
}

/** Options of calls that can be stopped. */
export type CallOptions = { signal?: AbortSignal | undefined }

/** Inputs that are predicted together: few enough for a short answer, enough for batches of similar length. */
const predictLimits: ChunkLimits = { items: 256, characters: 262_144 }

/**
 * A pretrained transformer that is tuned, used and saved. It lives in a thread of its own: every call is asynchronous
 * and leaves the caller's event loop free. Calls run one after another, in the order in which they were made.
 *
 * @example
 * ```ts
 * const model = await BiDoRA.fromPretrained('./all-MiniLM-L6-v2', { labels: ['ham', 'spam'] })
 * await model.fit([{ text: 'win a prize now', label: 'spam' }, { text: 'see you at noon', label: 'ham' }])
 * const [first] = await model.predict(['a free prize'])
 * await model.save('./adapter')
 * await model.dispose()
 * ```
 */
export class BiDoRA implements AsyncDisposable {
  readonly #client: ModelClient
  #info: ModelInfo

  private constructor(client: ModelClient, info: ModelInfo) {
    this.#client = client
    this.#info = info
    forgotten.register(this, client, this)
  }

  /**
   * Makes a model to be tuned from a pretrained one. Nothing is fetched.
   *
   * @param model - Local Hugging Face folder, or a hub id that is in a cache of this machine.
   * @throws ConfigError for an unknown or wrong option, SetupError where the model or libtorch is missing.
   */
  static async fromPretrained(model: string, options: CreateOptions = {}): Promise<BiDoRA> {
    const where = 'BiDoRA.fromPretrained'
    modelSettings(assertOptions(options, where))
    const directory = findPretrained(assertPath(model, where, 'the folder of a pretrained model'), where)
    return BiDoRA.#start(where, operation => operation.call('create', { directory, options }))
  }

  /**
   * Reads a model that was saved by {@link BiDoRA.save}, {@link BiDoRA.merge}, a run's `output`, or PEFT.
   *
   * @param directory - Folder of the saved adapter or checkpoint.
   * @param options - `base`: folder (or cached hub id) of the pretrained model, where it has moved.
   */
  static async load(directory: string, options: LoadOptions = {}): Promise<BiDoRA> {
    const where = 'BiDoRA.load'
    assertPath(directory, where, 'the folder of a saved model')
    refuseUnknown(assertOptions(options, where), ['base', 'device', 'dtype', 'threads'], where)
    const told = options.base === undefined ? undefined : assertPath(options.base, where, 'base')
    const base = told === undefined ? findBase(directory) : findPretrained(told, where)
    return BiDoRA.#start(where, operation => operation.call('load', { directory, options: { ...options, base } }))
  }

  static async #start(where: string, work: (operation: Operation) => Promise<ModelInfo>): Promise<BiDoRA> {
    const client = new ModelClient()
    try {
      return new BiDoRA(client, await client.run(where, undefined, work))
    } catch (error) {
      await client.dispose()
      throw error
    }
  }

  /** What the model is: task, method, labels, device, parameter counts. */
  get info(): ModelInfo {
    return this.#info
  }

  /**
   * Tunes the model: for BiDoRA the search on two levels and then the retraining, for other methods the training.
   *
   * @param examples - Array or (async) iterable; an iterable is read no faster than it is taken in.
   * @returns Scores, parameter counts, times and the course of the training, as plain data.
   * @throws ConfigError, DataError; AbortError when stopped (`details.checkpoint` says where it can be resumed from).
   */
  async fit(examples: Source<AnyExample>, options: FitOptions = {}): Promise<FitReport> {
    const where = 'BiDoRA.fit'
    assertSource(examples, where, 'examples')
    const { validation, test, onProgress, signal, ...settings } = assertOptions(options, where)
    assertCallback(onProgress, where, 'onProgress')
    return this.#client.run(where, assertSignal(signal, where), async operation => {
      const input = {
        examples: await operation.upload(examples),
        validation: await uploadPart(operation, validation, where, 'validation'),
        test: await uploadPart(operation, test, where, 'test'),
        options: settings,
      }
      const report = onProgress && ((value: unknown) => onProgress(value as Progress))
      const done = await operation.call('fit', input, report)
      this.#info = done.info
      return done.report
    })
  }

  /**
   * Scores of the model on labelled examples: plain numbers under the field's names.
   *
   * @throws DataError for a label that the model does not know.
   */
  async evaluate(examples: Source<AnyExample>, options: CallOptions = {}): Promise<Metrics> {
    const where = 'BiDoRA.evaluate'
    assertSource(examples, where, 'examples')
    refuseUnknown(assertOptions(options, where), ['signal'], where)
    return this.#client.run(where, assertSignal(options.signal, where), async operation =>
      operation.call('evaluate', { examples: await operation.upload(examples) }),
    )
  }

  /**
   * Predictions for one text or many, in their order.
   *
   * @param inputs - A text, or an array or (async) iterable of texts or `{ text, pair }`.
   */
  async predict(inputs: string | Source<PredictInput>, options: CallOptions = {}): Promise<Prediction[]> {
    const where = 'BiDoRA.predict'
    const source = typeof inputs === 'string' ? [inputs] : assertSource(inputs, where, 'inputs')
    refuseUnknown(assertOptions(options, where), ['signal'], where)
    return this.#client.run(where, assertSignal(options.signal, where), async operation => {
      const predictions: Prediction[] = []
      for await (const part of operation.eachChunk(source, predictLimits, assertInput(where))) {
        for (const prediction of await operation.call('predict', { inputs: part })) predictions.push(prediction)
      }
      return predictions
    })
  }

  /**
   * Predictions one by one for a source of any length: no more than one small chunk is held at a time, and the source
   * is read only as fast as the predictions are taken. Other calls of the model may run between two chunks.
   */
  async *predictStream(inputs: Source<PredictInput>, options: CallOptions = {}): AsyncGenerator<Prediction> {
    const where = 'BiDoRA.predictStream'
    assertSource(inputs, where, 'inputs')
    refuseUnknown(assertOptions(options, where), ['signal'], where)
    const signal = assertSignal(options.signal, where) ?? new AbortController().signal
    for await (const part of chunks(inputs, predictLimits, signal, assertInput(where))) {
      yield* await this.#client.run(where, signal, operation => operation.call('predict', { inputs: part }))
    }
  }

  /** Writes what was tuned, with head and tokenizer, as a folder that PEFT can read. */
  async save(directory: string): Promise<void> {
    const where = 'BiDoRA.save'
    assertPath(directory, where, 'the folder to write to')
    await this.#client.run(where, undefined, operation => operation.call('save', { directory }))
  }

  /** Writes a plain Hugging Face checkpoint with no adapter left, checked against the adapted model first. */
  async merge(directory: string): Promise<MergeReport> {
    const where = 'BiDoRA.merge'
    assertPath(directory, where, 'the folder to write to')
    return this.#client.run(where, undefined, operation => operation.call('merge', { directory }))
  }

  /** Ends the model's thread; what runs is stopped at its next step. May be called more than once. */
  async dispose(): Promise<void> {
    forgotten.unregister(this)
    await this.#client.dispose()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }
}

async function uploadPart(operation: Operation, source: Source<AnyExample> | undefined, where: string, what: string) {
  if (source === undefined) return undefined
  return operation.upload(assertSource(source, where, what))
}

/** The net under a missing `dispose`: a model that nothing refers to any more gives its thread and memory back. */
const forgotten = new FinalizationRegistry<ModelClient>(client => {
  const idle = client.run('dispose', undefined, async () => {})
  idle.catch(() => {}).then(() => client.dispose())
})
