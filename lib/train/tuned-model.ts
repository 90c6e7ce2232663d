import { join, resolve } from 'node:path'
import { prepareModel } from '../adapters/index.ts'
import { type LabelSet, labelSet } from '../data/labels.ts'
import { ArgumentError, BidoraError, ConfigError } from '../errors.ts'
import { readJsonObject } from '../io/index.ts'
import {
  loadModel,
  modelTypes,
  type SequenceClassifier,
  type TokenClassifier,
  tuningDefaults,
} from '../models/index.ts'
import { PackedLayers } from '../predict/index.ts'
import { cuda, manualSeed, resolveDevice, setNumThreads } from '../tensor/index.ts'
import { type EncodedIds, Tokenizer } from '../text/index.ts'
import { FIELDS } from './config.ts'
import { loadTuned } from './load.ts'
import { encodeInputs } from './rows.ts'
import { type ChosenSettings, fitSettings, modelSettings } from './settings.ts'
import { taskOf } from './tasks.ts'
import { strideOf, TunableModel } from './tunable-model.ts'
import { tuningOf } from './tuning.ts'
import type {
  AnyExample,
  FitHooks,
  FitOptions,
  FitReport,
  LoadOptions,
  MergeReport,
  Metrics,
  ModelInfo,
  ModelOptions,
  Prediction,
  PredictInput,
} from './types.ts'

/** Options of `fit` that are no settings. */
const FIT_EXTRAS = ['validation', 'test', 'dataset'] as const
const EVAL_BATCH = FIELDS.evalBatchSize.default ?? 1
/** Texts of the batch that a merge is checked on. */
const PROBE_TEXTS = 16
const PROBE = [
  'a',
  'The film is a quiet delight.',
  'Nothing of what was promised has come, and nobody answers the telephone any more.',
]

/** A call that can be stopped between two batches. */
export type CallHooks = Pick<FitHooks, 'shouldStop'>

/**
 * A pretrained model that is tuned, used and saved, in this thread. `BiDoRA` is the same behind a worker; one call runs
 * at a time. What prediction does not need is imported when it is: a start has a hundred files less to read.
 */
export class TunedModel {
  readonly #base: string
  readonly #chosen: ChosenSettings
  readonly #device: string
  readonly #tokenizer: Tokenizer
  /** Undefined until the labels are known. */
  #model: TunableModel | undefined
  #report: FitReport | undefined
  /** The model's linear layers made ready for prediction, from the first one on until it is trained again. */
  #layers: PackedLayers | undefined
  #probe: readonly EncodedIds[] = []

  private constructor(base: string, chosen: ChosenSettings, device: string, tokenizer: Tokenizer) {
    this.#base = base
    this.#chosen = chosen
    this.#device = device
    this.#tokenizer = tokenizer
  }

  /**
   * Makes a model to be tuned.
   *
   * @param base Local Hugging Face folder.
   * @throws ConfigError, FormatError where options or folder are not what they should be
   */
  static async create(base: string, options: ModelOptions = {}): Promise<TunedModel> {
    const chosen = modelSettings(options)
    const device = prepareMachine(chosen.settings.device, chosen.settings.threads)
    const config = join(base, 'config.json')
    const { model_type: modelType } = readJsonObject(config)
    if (!modelTypes.includes(String(modelType))) {
      throw new ConfigError(
        'MODEL_TYPE',
        `${config}: expected a model_type of ${modelTypes.join(', ')}, got ${JSON.stringify(modelType)}; use another model`,
      )
    }
    const made = new TunedModel(resolve(base), chosen, device, await Tokenizer.fromDir(base))
    const { labels, problemType } = chosen.settings
    if (problemType === 'regression') made.#build(undefined)
    else if (labels) made.#build(labelSet(labels))
    return made
  }

  /**
   * Reads what `save` or `merge` wrote, a run's output, an adapter of PEFT, or a Hugging Face checkpoint with a head.
   *
   * @throws ConfigError, FormatError where the folder is not whole or not supported
   */
  static async load(folder: string, options: LoadOptions = {}): Promise<TunedModel> {
    const device = prepareMachine(options.device ?? 'auto', options.threads)
    const { model, base } = await loadTuned(folder, { ...options, device })
    const loaded = new TunedModel(
      resolve(base),
      { settings: model.settings, given: new Map() },
      device,
      model.tokenizer,
    )
    loaded.#model = model
    return loaded
  }

  /** What the model is, as plain data. */
  get info(): ModelInfo {
    const { task, problemType, method, dtype, labels } = this.#chosen.settings
    return {
      task,
      problemType,
      method,
      dtype,
      device: this.#device,
      labels: this.#model?.labels?.labels ?? labels,
      modelType:
        this.#model?.classifier.config.modelType ?? String(readJsonObject(join(this.#base, 'config.json')).model_type),
      parameters: this.#model?.parameters ?? { trainable: 0, total: 0 },
    }
  }

  /**
   * Tunes the model. With an `output`, the run's files and the tuned model are written there.
   *
   * @throws ConfigError, DataError before anything is trained; AbortError when stopped, after a checkpoint
   */
  async fit(examples: readonly AnyExample[], options: FitOptions = {}, hooks: FitHooks = {}): Promise<FitReport> {
    const settings = fitSettings(this.#chosen, options, FIT_EXTRAS)
    const { validation, test, dataset } = options
    if (settings.output !== undefined && resolve(settings.output) === this.#base) {
      throw new ArgumentError(
        'SAVE_OVER_BASE',
        `fit: expected an output folder of its own, got that of the pretrained model (${settings.output}); give another`,
      )
    }
    const { collectData, fitModel } = await import('./fit.ts')
    const data = await collectData({ examples, validation, test }, settings)
    const { problemType } = settings
    const prepare = (labels?: readonly string[]) =>
      taskOf(settings).prepareLabels(data.examples, { problemType, labels, where: 'examples' })
    if (!this.#model) this.#build(prepare())
    else if (problemType !== 'regression') prepare(this.#model.labels?.labels)
    const model = this.#present('fit')
    this.#unpack()
    model.maxLength = this.#fittingLength(settings.maxLength, model.classifier)
    model.stride = strideOf({ ...settings, maxLength: model.maxLength })
    const input = {
      model,
      base: this.#base,
      settings: { ...settings, maxLength: model.maxLength },
      data,
      dataset,
      hooks,
    }
    const { report, rows } = await fitModel(input)
    this.#report = report
    this.#probe = rows.slice(0, PROBE_TEXTS).map(row => row.encoded)
    if (settings.output !== undefined) {
      await this.save(settings.output)
      const { writeResults } = await import('./results.ts')
      writeResults(settings.output, report)
    }
    return report
  }

  /** Loss and scores on labelled examples. */
  async evaluate(examples: readonly AnyExample[], { shouldStop = () => false }: CallHooks = {}): Promise<Metrics> {
    const model = this.#present('evaluate')
    const { task, settings, labels } = model
    const collected = await task.collect(examples, { problemType: settings.problemType, where: 'examples' })
    const rows = await task.encode(collected, labels, 'examples', this.#context(model, shouldStop))
    const { evaluateRows } = await import('./evaluate.ts')
    return evaluateRows(model, rows, { batchSize: EVAL_BATCH, shouldStop })
  }

  /** Predictions for texts (or lists of words), in their order. */
  async predict(inputs: readonly PredictInput[], { shouldStop = () => false }: CallHooks = {}): Promise<Prediction[]> {
    const model = this.#present('predict')
    return model.task.predict(model, inputs, {
      batchSize: EVAL_BATCH,
      layers: model.precision === 'float32' ? this.#packed(model) : undefined,
      shouldStop,
      context: this.#context(model, shouldStop),
    })
  }

  /** Writes what was tuned, with head, tokenizer and a model card. */
  async save(folder: string): Promise<void> {
    const { saveTuned } = await import('./save.ts')
    await saveTuned(folder, { model: this.#present('save'), base: this.#base, report: this.#report })
  }

  /** Writes a Hugging Face checkpoint with no adapter left, checked against the adapted model. */
  async merge(folder: string): Promise<MergeReport> {
    const model = this.#present('merge')
    const probe =
      this.#probe.length > 0
        ? this.#probe
        : await encodeInputs(
            PROBE.map(text => ({ text })),
            this.#context(model, () => false),
          )
    const { mergeTuned } = await import('./save.ts')
    return mergeTuned(folder, probe, { model, base: this.#base, report: this.#report })
  }

  /** Frees the model's memory. */
  dispose(): void {
    this.#unpack()
    this.#model?.dispose()
    this.#model = undefined
  }

  #build(labels: LabelSet | undefined): void {
    const { settings } = this.#chosen
    const { targetModules, ...head } = tuningDefaults(this.info.modelType, settings.task)
    const tuning = { ...tuningOf({ ...settings, targetModules: settings.targetModules ?? targetModules }), ...head }
    manualSeed(settings.seed)
    const { problemType, dtype } = settings
    const named = labels ? { labels: labels.labels } : {}
    const classifier = loadModel(this.#base, {
      task: taskOf(settings).head,
      head: 'new',
      problemType,
      dtype,
      device: this.#device,
      ...named,
    })
    try {
      prepareModel(classifier, tuning)
      this.#model = new TunableModel({ classifier, tokenizer: this.#tokenizer, settings, tuning, labels })
      this.#model.maxLength = this.#fittingLength(settings.maxLength, classifier)
      this.#model.stride = strideOf({ ...settings, maxLength: this.#model.maxLength })
    } catch (error) {
      classifier.dispose()
      this.#model = undefined
      throw error
    }
  }

  /** The default is lowered to what the model can read; a length that was asked for is not. */
  #fittingLength(maxLength: number, classifier: SequenceClassifier | TokenClassifier): number {
    const most = classifier.maxLength
    if (maxLength <= most) return maxLength
    if (maxLength === FIELDS.maxLength.default) return most
    throw new ConfigError('CONFIG_VALUE', `maxLength must be at most ${most} for this model, got ${maxLength}`, {
      key: 'maxLength',
      most,
    })
  }

  #packed({ classifier }: TunableModel): PackedLayers {
    if (this.#layers?.fresh !== true) this.#unpack()
    return (this.#layers ??= new PackedLayers(classifier))
  }

  #unpack(): void {
    this.#layers?.dispose()
    this.#layers = undefined
  }

  #context(model: TunableModel, shouldStop: () => boolean) {
    return { tokenizer: model.tokenizer, maxLength: model.maxLength, stride: model.stride, shouldStop }
  }

  #present(call: string): TunableModel {
    if (this.#model) return this.#model
    throw new BidoraError(
      'NO_LABELS',
      `${call}: expected a model whose labels are known, got one without; give labels when it is made, or fit it first`,
    )
  }
}

/** Sets threads and finds the device. */
function prepareMachine(name: string, threads: number | undefined): string {
  if (threads !== undefined) setNumThreads(threads)
  const device = resolveDevice(name)
  if (device.startsWith('cuda') && !cuda.isAvailable()) {
    throw new ConfigError(
      'NO_CUDA',
      `device: expected a CUDA device for '${name}', got none that answers; take 'cpu' or run \`npx bidora-torch doctor\``,
      { device: name },
    )
  }
  return device
}
