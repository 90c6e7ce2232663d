import {
  type AdaptedLinear,
  adaptedLayers,
  attachedAdapters,
  OfficialLinear,
  officialOrthogonality,
  orthogonality,
  trainableParameters,
  type TuningSettings,
} from '../adapters/index.ts'
import type { LabelSet } from '../data/labels.ts'
import { autocast, narrowFrozenProducts } from '../autograd/index.ts'
import type { Batch, SequenceClassifier, TokenClassifier } from '../models/index.ts'
import { flatten, to } from '../ops/index.ts'
import type { Precision } from '../predict/index.ts'
import type { Tensor } from '../tensor/index.ts'
import type { Tokenizer } from '../text/index.ts'
import type { ModelSettings, Settings } from './config.ts'
import type { NamedParameter } from './level.ts'
import { Objective } from './objective.ts'
import type { Row } from './rows.ts'
import type { Task } from './task.ts'
import { taskOf } from './tasks.ts'

/** Examples of one batch as tensors. */
export interface LevelBatch {
  readonly inputs: Batch
  readonly targets: Tensor
}

/** A classifier that is ready for its method, with what is needed to feed it. */
export class TunableModel {
  readonly classifier: SequenceClassifier | TokenClassifier
  readonly tokenizer: Tokenizer
  readonly settings: ModelSettings
  /** How it was made ready; a training may say more of it (AdaLoRA). */
  tuning: TuningSettings
  /** Undefined for a regression. */
  readonly labels: LabelSet | undefined
  /** Everything that trains, at whatever level. */
  trainable: readonly NamedParameter[] = []
  /** Longest text in tokens; `fit` may set another. */
  maxLength: number
  /** Tokens that two windows of a longer one share, where it is read in windows; `fit` may set another. */
  stride: number
  /** What products are computed in; `fit` may set another. */
  precision: Precision = 'float32'
  /** The loss that is trained on; a training may put another in its place. */
  objective: Objective
  readonly #layers: readonly AdaptedLinear[]
  #adapters: ReadonlySet<Tensor> = new Set()
  #magnitudes: ReadonlySet<unknown> = new Set()

  /** @param classifier Made ready already: adapters attached, all else frozen. */
  constructor(parts: Pick<TunableModel, 'classifier' | 'tokenizer' | 'settings' | 'tuning' | 'labels'>) {
    this.classifier = parts.classifier
    this.tokenizer = parts.tokenizer
    this.settings = parts.settings
    this.tuning = parts.tuning
    this.labels = parts.labels
    this.maxLength = parts.settings.maxLength
    this.stride = strideOf(parts.settings)
    this.objective = new Objective({ problemType: parts.settings.problemType })
    this.#layers = [...adaptedLayers(parts.classifier).values()]
    this.listTrainable()
  }

  /** Lists anew what trains, where a method has put other tensors in the place of parameters. */
  listTrainable(): void {
    const { lower, upper } = trainableParameters(this.classifier)
    this.trainable = [...lower, ...upper]
    const attached = [...attachedAdapters(this.classifier).values()]
    this.#adapters = new Set(attached.flatMap(layer => layer.adapterParameters()))
    this.#magnitudes = new Set(attached.flatMap(layer => ('magnitude' in layer ? [layer.magnitude] : [])))
  }

  get task(): Task {
    return taskOf(this.settings)
  }

  get parameters(): { trainable: number; total: number } {
    const count = (tensors: readonly Tensor[]) => tensors.reduce((sum, { numel }) => sum + numel, 0)
    return {
      trainable: count(this.trainable.map(([, parameter]) => parameter)),
      total: count(this.classifier.parameters()),
    }
  }

  get device(): string {
    return this.trainable[0]![1].device
  }

  isMagnitude(parameter: Tensor): boolean {
    return this.#magnitudes.has(parameter)
  }

  /** Whether a parameter belongs to no adapter. */
  isHead(parameter: Tensor): boolean {
    return !this.#adapters.has(parameter)
  }

  train(mode: boolean): void {
    this.classifier.train(mode)
  }

  /** Puts rows on the model's device. */
  batchOf(rows: readonly Row[]): LevelBatch {
    return this.task.batch(rows, this)
  }

  /** The training loss of a batch at the parameters' present values. */
  loss({ inputs, targets }: LevelBatch, precision: Settings['precision'] = this.precision): Tensor {
    const forward = () => {
      const { logits } = this.classifier.forward(inputs) // [batch, labels], of tokens [rows, labels] or [batch, seq, labels]
      return logits.ndim === 3 ? flatten(logits, { startDim: 0, endDim: 1 }) : logits
    }
    if (precision === 'bfloat16-frozen') return this.objective.loss(narrowFrozenProducts(forward), targets)
    if (precision === 'float32') return this.objective.loss(forward(), targets)
    return this.objective.loss(to(autocast(precision, forward), { dtype: this.settings.dtype }), targets)
  }

  /** What the training loss of these examples is divided by; in this proportion the losses of parts make that of the whole. */
  lossWeight(rows: readonly Row[]): number {
    return this.objective.weightOf(rows)
  }

  /** The Gram regulariser over all adapted layers. */
  orthogonality(): Tensor {
    const official = [...attachedAdapters(this.classifier).values()].filter(layer => layer instanceof OfficialLinear)
    return official.length > 0 ? officialOrthogonality(official) : orthogonality(this.#layers)
  }

  dispose(): void {
    this.classifier.dispose()
  }
}

/** What two windows share unless it is said: a quarter of the longest. */
export function strideOf({ stride, maxLength }: Pick<ModelSettings, 'stride' | 'maxLength'>): number {
  return stride ?? Math.floor(maxLength / 4)
}
