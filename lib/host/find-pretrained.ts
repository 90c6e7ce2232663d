import { readdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { SetupError } from '../errors.ts'
import { modelFolder } from '../setup/assets.ts'
import { isFile, isFolder } from '../setup/locate.ts'

const hubId = /^[\w.-]+(\/[\w.-]+)?$/

/**
 * The folder of a pretrained model: a folder as it is, otherwise a hub id (`owner/name` or `name`) looked up in this
 * package's own cache and in the cache of the Hugging Face tools. Nothing is ever fetched.
 *
 * @throws SetupError when it is neither, with what to do.
 */
export function findPretrained(model: string, where: string): string {
  if (isFolder(model)) return model
  if (hubId.test(model)) {
    const found = findInOwnCache(model) ?? findInHubCache(model)
    if (found !== undefined) return found
  }
  const advice = hubId.test(model)
    ? `give a local folder, or fetch it first: \`hf download ${model}\`, or \`npx bidora-torch setup\` for all-MiniLM-L6-v2`
    : 'give the path of a folder with config.json, model.safetensors and tokenizer.json'
  throw new SetupError(
    'MODEL_NOT_FOUND',
    `${where}: expected the folder of a pretrained model, got '${model}', which is no folder and in no cache; ${advice}.`,
    { model },
  )
}

/**
 * The pretrained model under a saved adapter, where the adapter names it by a hub id that is in a cache of this machine
 * (as PEFT does); undefined where the adapter's own path holds, or nothing is found: the reader of the adapter says so.
 */
export function findBase(adapter: string): string | undefined {
  const file = join(adapter, 'adapter_config.json')
  if (!isFile(file)) return undefined
  const base = baseNamed(readFileSync(file, 'utf8'))
  if (base === undefined || !hubId.test(base) || isFolder(base) || isFolder(resolve(adapter, base))) return undefined
  return findInOwnCache(base) ?? findInHubCache(base)
}

function baseNamed(text: string): string | undefined {
  try {
    const { base_model_name_or_path: base } = JSON.parse(text) as { base_model_name_or_path?: unknown }
    return typeof base === 'string' ? base : undefined
  } catch {
    return undefined // a broken file is the matter of the adapter's reader
  }
}

/** Set-up keeps one model, under its name. */
function findInOwnCache(model: string): string | undefined {
  return /^(sentence-transformers\/)?all-MiniLM-L6-v2$/.test(model) ? modelFolder() : undefined
}

/** `models--owner--name/snapshots/COMMIT`, the commit that `refs/main` names or else the only one that is there. */
function findInHubCache(model: string): string | undefined {
  const repository = join(hubCache(), `models--${model.replace('/', '--')}`)
  const snapshots = join(repository, 'snapshots')
  if (!isFolder(snapshots)) return undefined
  const main = join(repository, 'refs', 'main')
  const commits = isFile(main) ? [readFileSync(main, 'utf8').trim()] : readdirSync(snapshots)
  const folder = commits.length === 1 ? join(snapshots, commits[0] ?? '') : undefined
  return folder !== undefined && isFile(join(folder, 'config.json')) ? folder : undefined
}

function hubCache(): string {
  const { HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME } = process.env
  if (HF_HUB_CACHE) return HF_HUB_CACHE
  return join(HF_HOME || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface'), 'hub')
}
