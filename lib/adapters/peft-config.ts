import { join } from 'node:path'
import { FormatError } from '../errors.ts'
import { isJsonObject, type JsonObject, readJsonObject } from '../io/index.ts'
import type { MagnitudeAxis } from './norm.ts'
import type { TuningSettings } from './methods.ts'
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
  fan_in_fan_out: [false],
  // Other ways of starting change the base weights too; these only fill the adapter, which the file then holds.
  init_lora_weights: [true, false, 'gaussian', 'orthogonal', 'eva'],
}

/** Fields that are carried out, or that say nothing about what the model computes. */
const understood = new Set([
  ...['peft_type', 'r', 'lora_alpha', 'lora_dropout', 'target_modules', 'modules_to_save', 'use_dora', 'use_rslora'],
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
  const head = Array.isArray(config.modules_to_save) ? { head: config.modules_to_save.map(String) } : {}

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
  const byPeft = config.use_dora === true ? 'dora' : 'lora'
  const settings = {
    method: isMethod(method) ? method : byPeft,
    rank,
    // rsLoRA divides by sqrt(rank); the product is the same with an alpha that is larger by sqrt(rank).
    loraAlpha: config.use_rslora === true ? alpha * Math.sqrt(rank) : alpha,
    loraDropout: number('lora_dropout', 'a probability from 0 to below 1', value => value >= 0 && value < 1),
    targetModules: targetModules(file, config.target_modules),
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
 */
export function peftConfig({ settings, base, taskType, extra }: AdapterConfig, head: readonly string[]): JsonObject {
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
    modules_to_save: [...head],
    peft_type: hasPeftForm ? 'LORA' : isAdapted ? 'BIDORA' : method.toUpperCase(),
    task_type: taskType === '' ? null : taskType,
  }
  if (!isAdapted) return common
  return {
    alora_invocation_tokens: null,
    alpha_pattern: {},
    auto_mapping: null,
    bias: 'none',
    corda_config: null,
    ensure_weight_tying: false,
    eva_config: null,
    exclude_modules: null,
    fan_in_fan_out: false,
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
    rank_pattern: {},
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
