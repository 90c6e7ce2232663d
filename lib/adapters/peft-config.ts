import { join } from 'node:path'
import { FormatError } from '../errors.ts'
import { isJsonObject, type JsonObject, readJsonObject } from '../io/index.ts'
import type { MagnitudeAxis } from './norm.ts'
import type { TuningSettings } from './methods.ts'
import type { Patterns } from './patterns.ts'
import type { TargetModules } from './targets.ts'

/** Names of an adapter's two files, PEFT's own. */
export const configFile = 'adapter_config.json'
export const tensorsFile = 'adapter_model.safetensors'

/** What stands in `adapter_config.json`: how to make the model ready, and what its writer added. */
export interface AdapterConfig {
  settings: TuningSettings
  /** Where the base model was found when the adapter was saved; '' where unknown. */
  base: string
  /** PEFT's task type, as `SEQ_CLS`; '' where unknown. */
  taskType: string
  /** What was saved under the key `bidora` beside the method: labels and the like. Empty for an adapter of PEFT. */
  extra: JsonObject
}

/**
 * Fields of PEFT's LoraConfig that this library does not carry out, with the values at which they do nothing. Any other
 * value changes what the model computes, so it is refused by name.
 */
const inert: Record<string, readonly unknown[]> = {
  bias: ['none'],
  // The layer says which way its weight is; PEFT corrects the field by it.
  fan_in_fan_out: [true, false],
  // Other ways of starting change the base weights too; these only fill the adapter, which the file then holds.
  init_lora_weights: [true, false, 'gaussian', 'orthogonal', 'eva'],
}

/** Fields that are carried out, or that say nothing about what the model computes. */
const understood = new Set([
  ...['peft_type', 'r', 'lora_alpha', 'lora_dropout', 'target_modules', 'modules_to_save', 'use_dora', 'use_rslora'],
  ...['rank_pattern', 'alpha_pattern'],
  ...['base_model_name_or_path', 'task_type', 'inference_mode', 'auto_mapping', 'revision', 'peft_version'],
  ...['runtime_config', 'megatron_core', 'qalora_group_size', 'bidora'],
])

/** peft_type of what PEFT has no form for: it refuses a type that it does not know. */
const ownTypes = new Map([
  ['BIDORA', ['bidora', 'dora']],
  ['HEAD', ['head']],
  ['BITFIT', ['bitfit']],
])

/**
 * Reads and checks `adapter_config.json`.
 *
 * @throws FormatError where the file is not there or not what PEFT or this library writes, naming every field that asks for
 * something unsupported.
 */
export function readAdapterConfig(folder: string): AdapterConfig {
  const file = join(folder, configFile)
  const config = readJsonObject(file)
  const own = isJsonObject(config.bidora) ? config.bidora : {}
  const { method, magnitudeAxis, detachNorm, ...extra } = own
  const common = { base: text(config.base_model_name_or_path), taskType: text(config.task_type), extra }
  // A language model has no head to train: its output is the word table, or frozen.
  const noHead = config.task_type === 'CAUSAL_LM' ? { head: [] } : {}
  const head = Array.isArray(config.modules_to_save) ? { head: config.modules_to_save.map(String) } : noHead

  const type = config.peft_type
  const isLora = type === 'LORA'
  if (!isLora && !ownTypes.get(String(type))?.includes(String(method))) {
    throw fault(
      file,
      `expected peft_type LORA (or ${[...ownTypes.keys()].join(', ')} with its method), got ${JSON.stringify(type)}`,
      { peftType: type },
    )
  }
  if (method === 'head' || method === 'bitfit') return { ...common, settings: { method, ...head } }

  refuseUnsupported(file, config)
  const number = (key: string, expected: string, isRight: (value: number) => boolean): number => {
    const value = config[key]
    if (typeof value === 'number' && isRight(value)) return value
    throw fault(file, `expected ${key} to be ${expected}, got ${JSON.stringify(value)}`, { key })
  }
  const rank = number('r', 'a whole number above 0', value => Number.isInteger(value) && value > 0)
  const alpha = number('lora_alpha', 'a number above 0', value => value > 0)
  const patterns = readPatterns(file, config)
  if (config.use_rslora === true && Object.keys(patterns).length > 0)
    throw fault(
      file,
      'expected rank_pattern and alpha_pattern without use_rslora, got both; merge the adapter in PEFT',
      {
        unsupported: ['use_rslora'],
      },
    )
  const byPeft = config.use_dora === true ? 'dora' : 'lora'
  const settings = {
    method: isMethod(method) ? method : byPeft,
    rank,
    // rsLoRA divides by sqrt(rank); the product is the same with an alpha that is larger by sqrt(rank).
    loraAlpha: config.use_rslora === true ? alpha * Math.sqrt(rank) : alpha,
    loraDropout: number('lora_dropout', 'a probability from 0 to below 1', value => value >= 0 && value < 1),
    targetModules: targetModules(file, config.target_modules),
    ...patterns,
    ...head,
  } as const
  if ((settings.method === 'lora') !== (config.use_dora !== true)) {
    throw fault(
      file,
      `expected use_dora ${settings.method !== 'lora'} for method '${settings.method}', got ${JSON.stringify(config.use_dora)}`,
      { key: 'use_dora' },
    )
  }
  if (settings.method === 'lora') return { ...common, settings }
  const axis = magnitudeAxis ?? 'out'
  if (axis !== (isLora ? 'out' : 'in'))
    throw fault(
      file,
      `expected magnitudeAxis '${isLora ? 'out' : 'in'}' with peft_type ${type}, got ${JSON.stringify(axis)}`,
      { key: 'magnitudeAxis' },
    )
  return {
    ...common,
    settings: {
      ...settings,
      magnitudeAxis: axis as MagnitudeAxis,
      detachNorm: typeof detachNorm === 'boolean' ? detachNorm : byPeft === 'dora',
    },
  }
}

function isMethod(value: unknown): value is 'lora' | 'dora' | 'bidora' {
  return value === 'lora' || value === 'dora' || value === 'bidora'
}

/** A field that asks for something is understood or refused, never passed over. */
function refuseUnsupported(file: string, config: JsonObject): void {
  const isInert = ([key, value]: [string, unknown]) =>
    understood.has(key) || isEmpty(value) || (inert[key]?.includes(value) ?? false)
  const refused = Object.entries(config).filter(field => !isInert(field))
  if (refused.length === 0) return
  const shown = refused.map(([key, value]) => `${key} = ${JSON.stringify(value)}`).join(', ')
  throw fault(
    file,
    `expected only what this library carries out, got ${shown}; merge the adapter in PEFT and take the merged model`,
    { unsupported: refused.map(([key]) => key) },
  )
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === false) return true
  return typeof value === 'object' && Object.keys(value).length === 0
}

function readPatterns(file: string, config: JsonObject): Patterns {
  const read = (key: string, expected: string, isRight: (value: unknown) => boolean) => {
    const value = config[key]
    if (isEmpty(value)) return undefined
    if (isJsonObject(value) && Object.values(value).every(isRight)) return value as Record<string, number>
    throw fault(file, `expected ${key} to be layers with ${expected}, got ${JSON.stringify(value)}`, { key })
  }
  const rank = read('rank_pattern', 'whole numbers above 0', value => Number.isInteger(value) && (value as number) > 0)
  const alpha = read('alpha_pattern', 'numbers above 0', value => typeof value === 'number' && value > 0)
  return { ...(rank ? { rankPattern: rank } : {}), ...(alpha ? { alphaPattern: alpha } : {}) }
}

function targetModules(file: string, value: unknown): TargetModules {
  if (typeof value === 'string' && value !== '') return value
  if (Array.isArray(value) && value.length > 0 && value.every(name => typeof name === 'string'))
    return value as string[]
  throw fault(file, `expected target_modules to be names or a regular expression, got ${JSON.stringify(value)}`, {
    key: 'target_modules',
  })
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function fault(file: string, problem: string, details: Record<string, unknown>): FormatError {
  return new FormatError('ADAPTER_CONFIG', `${file}: ${problem}`, { file, ...details })
}

/**
 * The content of `adapter_config.json`: every field that PEFT writes, and this library's own under the key `bidora`,
 * which PEFT passes over with a warning.
 *
 * @param isTurned whether an adapted layer has its weight the other way round (Conv1D)
 */
export function peftConfig(
  { settings, base, taskType, extra }: AdapterConfig,
  head: readonly string[],
  isTurned: boolean,
): JsonObject {
  const { method } = settings
  const isAdapted = 'targetModules' in settings
  const hasPeftForm = method === 'lora' || (isAdapted && settings.magnitudeAxis !== 'in')
  const own =
    isAdapted && method !== 'lora'
      ? { method, magnitudeAxis: settings.magnitudeAxis ?? 'out', detachNorm: settings.detachNorm ?? method === 'dora' }
      : { method }
  const common = {
    base_model_name_or_path: base,
    bidora: { ...extra, ...own },
    inference_mode: true,
    modules_to_save: head.length === 0 ? null : [...head],
    peft_type: hasPeftForm ? 'LORA' : isAdapted ? 'BIDORA' : method.toUpperCase(),
    task_type: taskType === '' ? null : taskType,
  }
  if (!isAdapted) return common
  return {
    alora_invocation_tokens: null,
    alpha_pattern: { ...settings.alphaPattern },
    auto_mapping: null,
    bias: 'none',
    corda_config: null,
    ensure_weight_tying: false,
    eva_config: null,
    exclude_modules: null,
    fan_in_fan_out: isTurned,
    init_lora_weights: true,
    layer_replication: null,
    layers_pattern: null,
    layers_to_transform: null,
    loftq_config: {},
    lora_alpha: settings.loraAlpha,
    lora_bias: false,
    lora_dropout: settings.loraDropout ?? 0,
    megatron_config: null,
    megatron_core: 'megatron.core',
    qalora_group_size: 16,
    r: settings.rank,
    rank_pattern: { ...settings.rankPattern },
    revision: null,
    target_modules: typeof settings.targetModules === 'string' ? settings.targetModules : [...settings.targetModules],
    target_parameters: null,
    trainable_token_indices: null,
    use_dora: method !== 'lora',
    use_qalora: false,
    use_rslora: false,
    ...common,
  }
}
