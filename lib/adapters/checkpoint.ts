import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { noGrad } from '../autograd/mode.ts'
import { ArgumentError, FormatError } from '../errors.ts'
import { type JsonObject, SafetensorsFile, toDiskName, writeJson, writeSafetensors } from '../io/index.ts'
import type { Module } from '../nn/index.ts'
import { copy_ } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { adaptedLayers, attachedAdapters, detachAdapters } from './attach.ts'
import { kindOf, type KindSettings } from './kinds.ts'
import { prepareModel, type TuningSettings } from './methods.ts'
import {
  type AdapterConfig,
  configFile,
  isLoraFamily,
  peftConfig,
  readAdapterConfig,
  tensorsFile,
} from './peft-config.ts'
import { livePatterns } from './patterns.ts'
import { findHead, findTargets, isInside } from './targets.ts'

/** PEFT wraps the model twice; its names say so. */
const prefix = 'base_model.model.'

/** What an adapter's folder says beside its tensors. */
export interface SaveOptions {
  /** How the model was made ready (`prepareModel`). */
  settings: TuningSettings
  /** Where the base model is: a folder or the name of a hub. */
  base: string
  /** PEFT's task type; `SEQ_CLS` where left out. */
  taskType?: string
  /** More to be kept under the key `bidora`: labels and the like. */
  extra?: JsonObject
}

/**
 * Writes `adapter_config.json` and `adapter_model.safetensors` in PEFT's layout: the adapter's tensors, or what the method
 * trains, and always the head. PEFT loads it where it knows the method (LoRA, rsLoRA, AdaLoRA,
 * VeRA, FourierFT, and DoRA or BiDoRA with axis 'out'); else the `peft_type` is one that it refuses.
 *
 * @throws ArgumentError for method 'full', whose form is a checkpoint of the whole model, and for a model that was not made
 * ready with these settings
 *
 * @example
 * saveAdapter('./adapter', model, { settings, base: './all-MiniLM-L6-v2', extra: { id2label } })
 */
export function saveAdapter(
  folder: string,
  model: Module,
  { settings, base, taskType = 'SEQ_CLS', extra = {} }: SaveOptions,
): void {
  if (settings.method === 'full') {
    throw new ArgumentError(
      'ADAPTER_FULL',
      "saveAdapter: expected a method with an adapter, got 'full'; save the model itself",
    )
  }
  const head = findHead(model, settings.head)
  const tensors = namedTensors(model, settings, head)
  mkdirSync(folder, { recursive: true })
  writeSafetensors(join(folder, tensorsFile), tensors, { format: 'pt' })
  const now = (kindOf(settings)?.present?.(model, settings as KindSettings) ?? settings) as TuningSettings
  const shown = 'targetModules' in now ? { ...now, targetModules: diskTargets(model, now.targetModules) } : now
  const isTurned = [...adaptedLayers(model).values()].some(layer => layer.isTurned)
  const config = peftConfig({ settings: shown, base, taskType, extra }, head.map(toDiskName), isTurned)
  writeJson(join(folder, configFile), config)
}

/**
 * Reads a folder that `saveAdapter` or PEFT wrote into a plain base model: makes the model ready for the method and fills in
 * the tensors.
 *
 * @returns what the folder's config says
 * @throws FormatError where the config asks for something unsupported; where a tensor is missing, unexpected or of another
 * shape (all listed together); where the head is missing. The model is then without adapters.
 */
export function loadAdapter(folder: string, model: Module): AdapterConfig {
  const config = readAdapterConfig(folder)
  const file = new SafetensorsFile(join(folder, tensorsFile))
  const stored = new Map(
    [...file.entries].map(([key, entry]) => [
      key.replace(/\.lora_magnitude_vector(_in)?\.weight$/, '.lora_magnitude_vector$1'),
      { key, shape: entry.shape },
    ]),
  )
  prepareModel(model, withoutDeadPatterns(model, config.settings))
  try {
    const head = findHead(model, config.settings.head)
    const wanted = namedTensors(model, config.settings, head)
    checkNames(file.path, wanted, stored, head)
    noGrad(() => {
      for (const [key, parameter] of wanted) {
        const value = file.tensor(stored.get(key)!.key)
        copy_(parameter, value)
        value.dispose()
      }
    })
  } catch (error) {
    detachAdapters(model)
    throw error
  }
  return config
}

/** Names in the file of all that an adapter's file holds, with the model's tensors. */
export function namedTensors(model: Module, settings: TuningSettings, head: readonly string[]): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>()
  for (const [path, layer] of attachedAdapters(model)) {
    const name = prefix + toDiskName(layer.filePath(path))
    for (const [end, tensor] of Object.entries(layer.fileTensors())) tensors.set(`${name}.${end}`, tensor)
  }
  for (const [name, tensor] of Object.entries(sharedTensors(model, settings))) tensors.set(name, tensor)
  if ('targetModules' in settings && tensors.size === 0) {
    throw new ArgumentError(
      'ADAPTER_NONE',
      `${settings.method}: expected a model with adapters, got none; make it ready with prepareModel`,
    )
  }
  const adapters = new Set(tensors.values())
  const trainsAll = kindOf(settings)?.trainsAll ?? false
  for (const [name, tensor] of model.namedParameters()) {
    const isBias = settings.method === 'bitfit' && /(^|\.)bias$/.test(name)
    if (isBias || (trainsAll && !adapters.has(tensor)) || head.some(outer => isInside(name, outer)))
      tensors.set(prefix + toDiskName(name), tensor)
  }
  return tensors
}

/** PEFT passes over patterns that match no layer, so a file may have some. */
function withoutDeadPatterns(model: Module, settings: TuningSettings): TuningSettings {
  if (!isLoraFamily(settings)) return settings
  const targets = findTargets(model, settings.targetModules, findHead(model, settings.head))
  return { ...settings, ...livePatterns(settings, targets) }
}

function sharedTensors(model: Module, settings: TuningSettings): Record<string, Tensor> {
  return kindOf(settings)?.sharedTensors?.(model, settings as KindSettings) ?? {}
}

type Stored = ReadonlyMap<string, { readonly shape: readonly number[] }>

function checkNames(path: string, wanted: ReadonlyMap<string, Tensor>, stored: Stored, head: readonly string[]): void {
  const missing = [...wanted.keys()].filter(key => !stored.has(key))
  const unexpected = [...stored.keys()].filter(key => !wanted.has(key))
  const misshapen = [...wanted].filter(
    ([key, tensor]) => stored.has(key) && stored.get(key)!.shape.join() !== tensor.shape.join(),
  )
  if (missing.length + unexpected.length + misshapen.length === 0) return

  const ofHead = head.map(outer => prefix + toDiskName(outer))
  const headless = ofHead.filter(outer => ![...stored.keys()].some(key => isInside(key, outer)))
  const parts = [
    ...(headless.length > 0
      ? [
          `no head: nothing of ${headless.map(name => name.slice(prefix.length)).join(', ')} (train and save with modules_to_save)`,
        ]
      : []),
    ...listed('missing', missing),
    ...listed('unexpected', unexpected),
    ...listed(
      'of another shape',
      misshapen.map(
        ([key, tensor]) => `${key} (expected [${tensor.shape.join(', ')}], got [${stored.get(key)!.shape.join(', ')}])`,
      ),
    ),
  ]
  throw new FormatError(
    'ADAPTER_TENSORS',
    `${path}: expected exactly the tensors of this model's adapter, got ${parts.join('; ')}; take the base model and the targets that it was trained with`,
    {
      file: path,
      missing,
      unexpected,
      misshapen: misshapen.map(([key]) => key),
      headless,
    },
  )
}

function listed(kind: string, names: readonly string[]): string[] {
  if (names.length === 0) return []
  const shown = names.slice(0, 12).join(', ')
  return [`${names.length} ${kind}: ${shown}${names.length > 12 ? `, and ${names.length - 12} more` : ''}`]
}

/** Targets as PEFT would find them: names as in checkpoints, and 'all-linear' spelt out. */
function diskTargets(model: Module, targets: string | readonly string[]): string | string[] {
  const names = typeof targets === 'string' ? [targets] : targets
  if (names.length === 1 && names[0]!.toLowerCase() === 'all-linear')
    return [...attachedAdapters(model).keys()].map(toDiskName)
  return typeof targets === 'string' ? targets : targets.map(toDiskName)
}
