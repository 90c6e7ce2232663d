import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import {
  type AdapterConfig,
  loadAdapter,
  prepareModel,
  readAdapterConfig,
  type TuningSettings,
} from '../adapters/index.ts'
import { labelSet } from '../data/labels.ts'
import { ConfigError, FormatError } from '../errors.ts'
import { isJsonObject, type JsonObject, readJsonObject, SafetensorsFile } from '../io/index.ts'
import { loadModel } from '../models/index.ts'
import { Tokenizer } from '../text/index.ts'
import type { ModelSettings } from './config.ts'
import { modelSettings } from './settings.ts'
import { taskOf } from './tasks.ts'
import { tokenClassification } from './token-classification.ts'
import { TunableModel } from './tunable-model.ts'
import { givenOf } from './tuning.ts'
import type { LoadOptions } from './types.ts'

type ProblemType = ModelSettings['problemType']

export interface LoadedModel {
  readonly model: TunableModel
  readonly base: string
}

/**
 * Reads what `save` or `merge` wrote, an adapter of PEFT, or any Hugging Face folder with a head.
 *
 * @param device Where to put it, already resolved.
 * @throws FormatError, ConfigError where the folder is not whole or not supported; nothing of it stays in memory then
 */
export async function loadTuned(folder: string, options: LoadOptions & { device: string }): Promise<LoadedModel> {
  if (existsSync(join(folder, 'adapter_config.json'))) return loadAdapted(folder, options)
  if (existsSync(join(folder, 'config.json'))) return loadWhole(folder, options)
  throw new FormatError(
    'NOT_A_MODEL',
    `load: expected adapter_config.json or config.json in ${folder}, got neither; give the folder that save, merge or a run's output wrote`,
    { folder },
  )
}

async function loadAdapted(folder: string, options: LoadOptions & { device: string }): Promise<LoadedModel> {
  const config = readAdapterConfig(folder)
  const base = baseOf(folder, config, options.base)
  const { task, problemType, labels } = outputsOf(folder, config, base)
  const settings = settingsOf(config.settings, {
    ...options,
    dtype: dtypeOf(options, config.extra),
    task,
    problemType,
    labels,
    extra: config.extra,
  })
  const tokenizer = await Tokenizer.fromDir(existsSync(join(folder, 'tokenizer.json')) ? folder : base, {
    modelDir: base,
  })
  const classifier = loadModel(base, {
    task: taskOf(settings).head,
    head: 'new',
    problemType,
    ...(labels ? { labels } : {}),
    dtype: settings.dtype,
    device: options.device,
  })
  try {
    loadAdapter(folder, classifier)
    const set = labels && labelSet(labels)
    const model = new TunableModel({ classifier, tokenizer, settings, tuning: config.settings, labels: set })
    model.precision = precisionOf(settings, config.extra)
    return { model, base }
  } catch (error) {
    classifier.dispose()
    throw error
  }
}

async function loadWhole(folder: string, options: LoadOptions & { device: string }): Promise<LoadedModel> {
  const json = readJsonObject(join(folder, 'config.json'))
  const extra = isJsonObject(json.bidora) ? json.bidora : {}
  const tokenizer = await Tokenizer.fromDir(folder)
  const task = isNamed(json.architectures, /ForTokenClassification$/) ? 'token-classification' : 'text-classification'
  const classifier = loadModel(folder, {
    task,
    head: 'checkpoint',
    dtype: options.dtype ?? 'float32',
    device: options.device,
  })
  const { problemType } = classifier.config
  const labels = problemType === 'regression' ? undefined : labelSet(classifier.config.labels)
  const settings = settingsOf({ method: 'full' }, { ...options, task, problemType, labels: labels?.labels, extra })
  prepareModel(classifier, { method: 'full' })
  const model = new TunableModel({ classifier, tokenizer, settings, tuning: { method: 'full' }, labels })
  model.precision = precisionOf(settings, extra)
  return { model, base: folder }
}

/** A model answers in the precision that it was trained in. */
function precisionOf({ dtype }: ModelSettings, extra: JsonObject): TunableModel['precision'] {
  return extra.precision === 'bfloat16' && dtype === 'float32' ? 'bfloat16' : 'float32'
}

/** The folder of the pretrained model: as told, as the adapter says, or the same seen from the adapter's folder. */
function baseOf(folder: string, config: AdapterConfig, told: string | undefined): string {
  const candidates = told === undefined ? [config.base, resolve(folder, config.base)] : [told]
  const found = candidates.find(path => path !== '' && existsSync(join(path, 'config.json')))
  if (found !== undefined) return found
  throw new ConfigError(
    'BASE_NOT_FOUND',
    `load: expected the pretrained model of ${folder} at ${told ?? config.base}, got no config.json there; give its folder as base`,
    { folder, base: told ?? config.base },
  )
}

/** What the outputs mean: as saved here; for an adapter of PEFT, as the base says where the numbers agree. */
function outputsOf(
  folder: string,
  config: AdapterConfig,
  base: string,
): { task: ModelSettings['task']; problemType: ProblemType; labels: readonly string[] | undefined } {
  const { problemType, labels } = config.extra
  const isTagging = config.extra.task === 'token-classification' || config.taskType === tokenClassification.peftType
  const task = isTagging ? 'token-classification' : 'text-classification'
  if (problemType === 'regression') return { task, problemType, labels: undefined }
  if ((isTagging || problemType === 'single-label' || problemType === 'multi-label') && Array.isArray(labels)) {
    return {
      task,
      problemType: problemType === 'multi-label' ? problemType : 'single-label',
      labels: labels.map(String),
    }
  }
  const count = headWidth(folder)
  if (count === 1 && !isTagging) return { task, problemType: 'regression', labels: undefined }
  const named = readJsonObject(join(base, 'config.json')).id2label
  const names = isJsonObject(named) ? Object.values(named).map(String) : []
  return {
    task,
    problemType: 'single-label',
    labels: names.length === count ? names : Array.from({ length: count }, (_, index) => `LABEL_${index}`),
  }
}

/** Outputs of the head that an adapter's file holds: the rows of its last layer. */
function headWidth(folder: string): number {
  const file = new SafetensorsFile(join(folder, 'adapter_model.safetensors'))
  const last = [...file.entries].find(([name]) =>
    /\.(classifier|score)(\.out_proj)?\.(modules_to_save\.)?(default\.)?weight$/.test(name),
  )
  if (last) return last[1].shape[0]!
  throw new FormatError(
    'NO_HEAD',
    `${file.path}: expected the head of a classifier, got none; train and save it with modules_to_save`,
    { file: file.path },
  )
}

/** The type that was asked for, else the one that the file names: a model then computes as when it was saved. */
function dtypeOf(options: LoadOptions, saved: JsonObject): 'float32' | 'float64' {
  return options.dtype ?? (saved.dtype === 'float64' ? 'float64' : 'float32')
}

function isNamed(names: unknown, pattern: RegExp): boolean {
  return Array.isArray(names) && names.some(name => pattern.test(String(name)))
}

interface Saved extends LoadOptions {
  readonly task: ModelSettings['task']
  readonly problemType: ProblemType
  readonly labels: readonly string[] | undefined
  readonly extra: JsonObject
}

function settingsOf(
  tuning: TuningSettings,
  { task, problemType, labels, extra, dtype, threads, device }: Saved,
): ModelSettings {
  const maxLength = typeof extra.maxLength === 'number' ? extra.maxLength : undefined
  const stride = typeof extra.stride === 'number' ? extra.stride : undefined
  const own = task === 'token-classification' ? { stride } : { problemType }
  return modelSettings({ task, ...givenOf(tuning), ...own, labels, maxLength, dtype, threads, device }).settings
}
