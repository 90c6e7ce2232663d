import { join } from 'node:path'
import { isJsonObject, type JsonObject, readJsonObject } from '../io/index.ts'
import type { AdapterMethod } from './adapter.ts'
import { ConfigReader } from './config-reader.ts'
import { kindOf, kindOfType, type KindSettings, kindTypes } from './kinds.ts'
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
const understood = [
  ...['r', 'lora_alpha', 'lora_dropout', 'use_dora', 'use_rslora', 'megatron_core', 'qalora_group_size'],
  ...['rank_pattern', 'alpha_pattern'],
]

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
  const reader = new ConfigReader(file, config)
  const kind = kindOfType(type)
  if (kind) return { ...common, settings: { ...kind.read(reader), ...head } }
  const isLora = type === 'LORA'
  if (!isLora && !ownTypes.get(String(type))?.includes(String(method))) {
    throw reader.fault(
      `expected peft_type LORA (or ${kindTypes().join(', ')}; or ${[...ownTypes.keys()].join(', ')} with its method), got ${JSON.stringify(type)}`,
      { peftType: type },
    )
  }
  if (method === 'head' || method === 'bitfit') return { ...common, settings: { method, ...head } }

  reader.refuseOthers(understood, inert)
  const rank = reader.number('r', 'a whole number above 0', value => Number.isInteger(value) && value > 0)
  const alpha = reader.number('lora_alpha', 'a number above 0', value => value > 0)
  const isRankStable = config.use_rslora === true
  const byPeft = config.use_dora === true ? 'dora' : isRankStable ? 'rslora' : 'lora'
  const named = isMethod(method) ? method : byPeft
  if (named === 'rslora' && !isRankStable)
    throw reader.fault(`expected use_rslora true for method 'rslora', got ${JSON.stringify(config.use_rslora)}`, {
      key: 'use_rslora',
    })
  const patterns = readPatterns(reader)
  if (isRankStable && named !== 'rslora' && Object.keys(patterns).length > 0)
    throw reader.fault(
      `expected rank_pattern and alpha_pattern of method '${named}' without use_rslora, got both; merge the adapter in PEFT`,
      { unsupported: ['use_rslora'] },
    )
  const settings = {
    method: named,
    rank,
    // rsLoRA divides by sqrt(rank); the product is the same with an alpha that is larger by sqrt(rank).
    loraAlpha: isRankStable && named !== 'rslora' ? alpha * Math.sqrt(rank) : alpha,
    loraDropout: reader.probability('lora_dropout'),
    targetModules: reader.targets(),
    ...patterns,
    ...head,
  } as const
  if (isDecomposed(named) !== (config.use_dora === true)) {
    throw reader.fault(
      `expected use_dora ${isDecomposed(named)} for method '${settings.method}', got ${JSON.stringify(config.use_dora)}`,
      { key: 'use_dora' },
    )
  }
  if (!isDecomposed(named)) return { ...common, settings }
  const axis = magnitudeAxis ?? 'out'
  if (axis !== (isLora ? 'out' : 'in'))
    throw reader.fault(
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

function isMethod(value: unknown): value is AdapterMethod {
  return value === 'lora' || value === 'rslora' || isDecomposed(value)
}

/** Whether a method has magnitudes, which PEFT's `use_dora` says. */
function isDecomposed(method: unknown): boolean {
  return method === 'dora' || method === 'bidora'
}

function readPatterns(reader: ConfigReader): Patterns {
  const rank = reader.numbers(
    'rank_pattern',
    'layers with whole numbers above 0',
    value => Number.isInteger(value) && value > 0,
  )
  const alpha = reader.numbers('alpha_pattern', 'layers with numbers above 0', value => value > 0)
  return { ...(rank ? { rankPattern: rank } : {}), ...(alpha ? { alphaPattern: alpha } : {}) }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
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
  const kind = kindOf(settings)
  if (kind) {
    return {
      ...kind.fields(settings as KindSettings),
      auto_mapping: null,
      base_model_name_or_path: base,
      bidora: { ...extra, method },
      inference_mode: true,
      modules_to_save: [...head],
      peft_type: kind.peftType,
      revision: null,
      ...('targetModules' in settings ? { target_modules: listed(settings.targetModules) } : {}),
      task_type: taskType === '' ? null : taskType,
    }
  }
  const isAdapted = isLoraFamily(settings)
  const hasPeftForm = isAdapted && (!isDecomposed(method) || settings.magnitudeAxis !== 'in')
  const own =
    isAdapted && isDecomposed(method)
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
    target_modules: listed(settings.targetModules),
    target_parameters: null,
    trainable_token_indices: null,
    use_dora: isDecomposed(method),
    use_qalora: false,
    use_rslora: method === 'rslora',
    ...common,
  }
}

type LoraFamily = Exclude<Extract<TuningSettings, { method: AdapterMethod }>, { compat: 'official' }>

/** Whether settings are those of LoRA, rsLoRA, DoRA or BiDoRA. */
export function isLoraFamily(settings: TuningSettings): settings is LoraFamily {
  return isMethod(settings.method) && kindOf(settings) === undefined
}

function listed(targets: TargetModules): string | string[] {
  return typeof targets === 'string' ? targets : [...targets]
}
