import { join } from 'node:path'
import { ConfigError, FormatError } from '../errors.ts'
import { type Checkpoint, type JsonObject, openCheckpoint, readJsonObject, toDiskName } from '../io/index.ts'
import { compareState, describeMismatch, type Module, type Placement, stateOf } from '../nn/index.ts'
import { to } from '../ops/index.ts'
import type { DType, Tensor } from '../tensor/index.ts'
import { planNames } from './checkpoint-names.ts'
import type { SequenceClassifier } from './classifier.ts'
import { defaultLabels, type EncoderConfig, type ModelConfig, type ProblemType } from './config.ts'
import { initialise } from './initialise.ts'
import { familyOf, type HeadTask, headOf, readConfigOf, startStdOf } from './registry.ts'
import type { TokenClassifier } from './token-classifier.ts'

/** Options of `loadModel`. */
export interface LoadModelOptions extends Placement {
  /** `text-classification` unless told: one row of logits a text (a regression and several labels at once too), or one a token. */
  task?: HeadTask
  /**
   * Where the head comes from. 'checkpoint' demands that it is there in full; 'new' starts it at random from the
   * environment's generator and leaves out one that is there.
   */
  head?: 'checkpoint' | 'new'
  /** The same for the pooler before the head (BERT has one; some checkpoints lack it). */
  pooler?: 'checkpoint' | 'new'
  /** Names of the labels in the order of the logits; a new head needs them unless it is a regression. */
  labels?: readonly string[]
  problemType?: ProblemType
  /** Copy the weights instead of sharing the mapped file; see `ReadOptions`. */
  copy?: boolean
}

const headTasks: readonly HeadTask[] = ['text-classification', 'token-classification']
const floatingDtypes: readonly DType[] = ['float64', 'float32', 'bfloat16', 'float16']

/**
 * Loads a model with its head from a Hugging Face folder (`config.json`, `model.safetensors` or shards), in evaluation
 * mode. Loading is strict both ways: names that are missing, unexpected or of another shape are listed in one error. The
 * weights share the mapped file where dtype and device allow it; training them never changes the file.
 *
 * @example const model = loadModel('./all-MiniLM-L6-v2', { head: 'new', labels: ['ham', 'spam'] })
 * @throws ConfigError for a model or a setting that is not supported, FormatError for a checkpoint that does not fit.
 */
export function loadModel(folder: string, options: LoadModelOptions & { task: 'token-classification' }): TokenClassifier
export function loadModel(
  folder: string,
  options?: LoadModelOptions & { task?: 'text-classification' },
): SequenceClassifier
export function loadModel(folder: string, options?: LoadModelOptions): SequenceClassifier | TokenClassifier
export function loadModel(folder: string, options: LoadModelOptions = {}): SequenceClassifier | TokenClassifier {
  const { task = 'text-classification', head = 'checkpoint', pooler = 'checkpoint' } = options
  if (!headTasks.includes(task)) {
    throw new ConfigError(
      'TASK',
      `loadModel: expected a task of ${headTasks.join(', ')}, got ${task}; take one of them`,
      {
        key: 'task',
        allowed: headTasks,
      },
    )
  }
  const placement = checkPlacement(options)
  const file = join(folder, 'config.json')
  const json = readJsonObject(file)
  const family = familyOf(json.model_type, file)
  const own = headOf(family, task, file)
  if (head === 'checkpoint') requireHead(json, [own.architecture], file, "ask for a new one (head: 'new') and train it")
  const config = withHead(readConfigOf(family, json, file), options, folder) as EncoderConfig
  const checkpoint = openCheckpoint(folder, { copy: options.copy ?? false })
  const unused = [...own.ignorable, ...(family.unusedBy?.(config) ?? [])]
  const { sources, ignored } = planNames(checkpoint.entries.keys(), family, head === 'new', unused)

  const isNew = (path: string) =>
    (head === 'new' && isHeadPath(path)) ||
    (pooler === 'new' && path.startsWith(`${family.prefix}.pooler`)) ||
    (family.startsAnew?.(path, head === 'new') === true && !sources.has(path))
  const dropped = [...sources].filter(([path]) => isNew(path)).map(([, name]) => name)
  const kept = new Map([...sources].filter(([path]) => !isNew(path)))

  const model = own.create(config, { ...placement, device: 'meta' }) // shapes only
  try {
    requireFit(model, kept, checkpoint, isNew)
    for (const [path, name] of kept) model.setTensor(path, placed(checkpoint.tensor(name), placement))
    const created = initialise(model, { std: config.initializerRange, placement, wanted: isNew }).map(toDiskName)
    model.origin = { folder, config: json, created, ignored: [...ignored, ...dropped] }
    return model.train(false)
  } catch (error) {
    model.dispose()
    throw error
  }
}

/**
 * Makes a model with random weights, by transformers' rule, from a configuration in the form of `config.json`.
 *
 * @throws ConfigError for a model or a setting that is not supported.
 */
export function createModel(
  config: JsonObject,
  placement: Placement & { task: 'token-classification' },
): TokenClassifier
export function createModel(config: JsonObject, placement?: Placement): SequenceClassifier
export function createModel(
  config: JsonObject,
  { task = 'text-classification', ...placement }: Placement & { task?: HeadTask } = {},
): SequenceClassifier | TokenClassifier {
  const family = familyOf(config.model_type, 'createModel')
  const where = checkPlacement(placement)
  const read = readConfigOf(family, config, 'createModel')
  const model = headOf(family, task, 'createModel').create(read as EncoderConfig, { ...where, device: 'meta' })
  initialise(model, { std: startStdOf(family, read), placement: where })
  return model.train(false)
}

export function checkPlacement({ dtype = 'float32', device = 'cpu' }: Placement): Required<Placement> {
  if (floatingDtypes.includes(dtype)) return { dtype, device }
  throw new ConfigError('DTYPE', `loadModel: expected a dtype of ${floatingDtypes.join(', ')}, got ${dtype}`, {
    key: 'dtype',
    allowed: floatingDtypes,
  })
}

/** A head of another task may have the same names and shapes, so the checkpoint's own word counts. */
export function requireHead(json: JsonObject, allowed: readonly string[], file: string, advice: string): void {
  const named = json.architectures
  if (!Array.isArray(named) || named.length === 0 || allowed.some(one => named.includes(one))) return
  throw new ConfigError(
    'NO_HEAD',
    `${file}: expected architectures with ${allowed.join(' or ')}, got ${named.join(', ')}: the checkpoint has no head for this task; ${advice}`,
    { key: 'architectures', allowed, got: named },
  )
}

/** The configuration with the labels and the problem that the caller names. */
function withHead(config: ModelConfig, options: LoadModelOptions, folder: string): ModelConfig {
  const refuse = (problem: string) => {
    throw new ConfigError('LABELS', `loadModel: ${folder}: ${problem}`, { key: 'labels' })
  }
  const isNew = options.head === 'new'
  const problemType = options.problemType ?? (isNew ? 'single-label' : config.problemType)
  let labels = options.labels
  if (!labels && isNew) {
    if (problemType !== 'regression') refuse('expected the names of the labels for a new head, got none; give labels')
    labels = defaultLabels(1)
  }
  labels ??= config.labels
  if (new Set(labels).size < labels.length) refuse(`expected different labels, got ${labels.join(', ')}`)
  if (labels.some(label => typeof label !== 'string' || label === '')) refuse('expected labels with a name each')
  if (problemType === 'single-label' ? labels.length < 2 : labels.length < 1) {
    refuse(`expected ${problemType === 'single-label' ? 'two labels or more' : 'a label'}, got ${labels.length}`)
  }
  if (!isNew && labels.length !== config.labels.length) {
    refuse(
      `expected ${config.labels.length} labels for the checkpoint's head, got ${labels.length}; ask for a new head`,
    )
  }
  return { ...config, labels, problemType }
}

/** Every name, shape and dtype of the checkpoint against the model, in one error. */
export function requireFit(
  model: Module,
  sources: ReadonlyMap<string, string>,
  checkpoint: Checkpoint,
  isNew: (path: string) => boolean,
): void {
  const given = new Map<string, { shape: readonly number[] }>()
  const problems: string[] = []
  for (const [path, name] of sources) {
    const entry = checkpoint.entries.get(name)!
    given.set(path, entry)
    if (!floatingDtypes.includes(entry.dtype)) problems.push(`${name}: expected a floating dtype, got ${entry.dtype}`)
  }
  for (const [path, tensor] of stateOf(model)) if (isNew(path)) given.set(path, tensor)
  const mismatch = compareState(model, given)
  if (mismatch) problems.unshift(describeMismatch(mismatch, path => sources.get(path) ?? toDiskName(path)))
  if (problems.length === 0) return
  const headIsWrong =
    mismatch && [...mismatch.missing, ...mismatch.wrongShape.map(wrong => wrong.path)].some(isHeadPath)
  const advice = headIsWrong ? "ask for a new head (head: 'new')" : 'check that config.json belongs to these weights'
  throw new FormatError(
    'CHECKPOINT_MISMATCH',
    `${checkpoint.path}: expected the tensors of ${model.constructor.name}, got ${problems.join('; ')}; ${advice}`,
    { file: checkpoint.path, ...mismatch, problems },
  )
}

function isHeadPath(path: string): boolean {
  return /^(classifier|preClassifier|score)(\.|$)/.test(path)
}

export function placed(tensor: Tensor, placement: Required<Placement>): Tensor {
  if (tensor.dtype === placement.dtype && tensor.device === placement.device) return tensor
  const moved = to(tensor, placement)
  tensor.dispose()
  return moved
}
