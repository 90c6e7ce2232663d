import { existsSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { ArgumentError, FormatError } from '../errors.ts'
import type { Tensor } from '../tensor/index.ts'
import { fileFault } from './file-fault.ts'
import { isJsonObject, readJsonObject } from './json.ts'
import { type ReadOptions, SafetensorsFile } from './safetensors.ts'
import type { TensorEntry } from './safetensors-header.ts'

/** File of a checkpoint in one piece, and the index of one in several. */
export const weightsFile = 'model.safetensors'
export const weightsIndexFile = 'model.safetensors.index.json'

/** The weights of a folder, whether they lie in one file or in several. */
export interface Checkpoint {
  /** The file or index that was read. */
  readonly path: string
  readonly entries: ReadonlyMap<string, TensorEntry>
  tensor(name: string): Tensor
}

/**
 * Opens the weights of a Hugging Face folder: `model.safetensors`, or the shards that `model.safetensors.index.json`
 * lists.
 *
 * @throws FormatError where there are none, where only pickled weights are there, and where index and shards disagree.
 */
export function openCheckpoint(folder: string, options: ReadOptions = {}): Checkpoint {
  const single = join(folder, weightsFile)
  if (existsSync(single)) return new SafetensorsFile(single, options)
  const index = join(folder, weightsIndexFile)
  if (existsSync(index)) return openSharded(folder, index, options)
  throw absent(folder)
}

/** @throws FormatError that lists every disagreement between the index and the shards. */
function openSharded(folder: string, index: string, options: ReadOptions): Checkpoint {
  const wanted = readWeightMap(index)
  const problems: string[] = []
  const files = new Map<string, SafetensorsFile>()
  for (const shard of new Set(wanted.values())) {
    // A plain name only: an index must not make us open a file elsewhere.
    if (shard !== basename(shard) || shard === '..' || shard === '.' || shard.includes('\\') || shard.includes('\0')) {
      problems.push(`expected names of files in the folder, got the shard ${JSON.stringify(shard)}`)
    } else if (!existsSync(join(folder, shard))) {
      problems.push(`expected the shard ${shard}, got no such file`)
    } else {
      files.set(shard, new SafetensorsFile(join(folder, shard), options))
    }
  }

  const holders = new Map<string, string>()
  for (const [shard, file] of files) {
    for (const name of file.entries.keys()) {
      const listed = wanted.get(name)
      const earlier = holders.get(name)
      if (listed === undefined) problems.push(`expected every tensor in the index, got also ${name} in ${shard}`)
      else if (earlier !== undefined) problems.push(`expected ${name} once, got it in ${earlier} and in ${shard}`)
      else if (listed !== shard) problems.push(`expected ${name} in ${listed}, got it in ${shard}`)
      holders.set(name, shard)
    }
  }
  for (const [name, shard] of wanted) {
    if (files.has(shard) && !holders.has(name)) problems.push(`expected ${name} in ${shard}, got no such tensor there`)
  }
  if (problems.length > 0) throw disagreement(index, problems)

  const entries = new Map([...wanted].map(([name, shard]) => [name, files.get(shard)!.entries.get(name)!]))
  const tensor = (name: string): Tensor => {
    const file = files.get(wanted.get(name) ?? '')
    if (file) return file.tensor(name)
    throw new ArgumentError('NO_TENSOR', `${index}: expected a tensor ${JSON.stringify(name)}, got none of that name`, {
      name,
    })
  }
  return { path: index, entries, tensor }
}

function readWeightMap(index: string): Map<string, string> {
  const map = readJsonObject(index).weight_map
  if (!isJsonObject(map)) throw disagreement(index, [`expected an object "weight_map", got ${JSON.stringify(map)}`])
  const wrong = Object.entries(map).filter(([, shard]) => typeof shard !== 'string')
  if (wrong.length > 0) {
    throw disagreement(
      index,
      wrong.map(([name, shard]) => `${name}: expected the name of a shard, got ${JSON.stringify(shard)}`),
    )
  }
  return new Map(Object.entries(map) as [string, string][])
}

function disagreement(index: string, problems: readonly string[]): FormatError {
  const shown = problems.slice(0, 20).join('; ')
  const rest = problems.length > 20 ? `; and ${problems.length - 20} more` : ''
  return new FormatError('BAD_CHECKPOINT', `${index}: ${shown}${rest}; download the checkpoint again`, {
    file: index,
    problems,
  })
}

function absent(folder: string): FormatError {
  const isFolder = statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false
  if (!isFolder) return fileFault(folder, 'a model folder', { code: 'ENOENT' })
  const pickled = ['pytorch_model.bin', 'pytorch_model.bin.index.json', 'tf_model.h5', 'flax_model.msgpack']
  const other = pickled.find(name => existsSync(join(folder, name)))
  const got = other
    ? `got ${other}, which is pickled (reading it can run code) or of another framework; load the folder once in Python ` +
      'with the transformers class of its architecture and call save_pretrained, which writes safetensors'
    : 'got a folder without weights; check the path'
  return new FormatError('NO_WEIGHTS', `${folder}: expected ${weightsFile} or ${weightsIndexFile}, ${got}`, {
    folder,
    ...(other ? { got: other } : {}),
  })
}
