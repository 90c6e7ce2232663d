import { statSync } from 'node:fs'
import { ArgumentError, BidoraError, FormatError, TorchError } from '../errors.ts'
import { any, clone, gt } from '../ops/index.ts'
import { type FileMapping, mapFile, scope, type Tensor } from '../tensor/index.ts'
import { fileFault } from './file-fault.ts'
import { parseHeader, parseHeaderLength, type SafetensorsHeader, type TensorEntry } from './safetensors-header.ts'

/** Options of reading. */
export interface ReadOptions {
  /**
   * Copy the tensors into memory instead of sharing the mapped file. Wanted where the file may be cut short or written
   * over in place while it is in use (a mapping of such a file ends the process); files replaced by rename are no danger.
   */
  copy?: boolean
}

/**
 * A safetensors file, mapped into memory: nothing is read until a tensor is used, and pages are shared between
 * processes. Writing into a tensor copies the page and never touches the file.
 */
export class SafetensorsFile {
  readonly path: string
  readonly #mapping: FileMapping
  readonly #header: SafetensorsHeader
  readonly #copy: boolean

  /** @throws FormatError where the file cannot be read or its header says anything untrue, all problems listed. */
  constructor(path: string, options: ReadOptions = {}) {
    this.path = path
    this.#copy = options.copy ?? false
    this.#mapping = mapWhole(path)
    const fileLength = this.#mapping.byteLength
    const headerLength = parseHeaderLength(path, this.#mapping.bytes(0, 8), fileLength)
    this.#header = parseHeader(path, this.#mapping.bytes(8, headerLength), fileLength)
  }

  /** The file's own strings, as `{ format: 'pt' }`. */
  get metadata(): Readonly<Record<string, string>> {
    return this.#header.metadata
  }

  /** Dtype and shape of every tensor, in the order of the data. */
  get entries(): ReadonlyMap<string, TensorEntry> {
    return this.#header.entries
  }

  /**
   * Makes the tensor of that name on the CPU, sharing the mapped memory unless `copy` was asked for.
   *
   * @throws ArgumentError where the file has no such tensor; FormatError for a bool that is neither 0 nor 1.
   */
  tensor(name: string): Tensor {
    const entry = this.entries.get(name)
    if (!entry) {
      throw new ArgumentError(
        'NO_TENSOR',
        `${this.path}: expected a tensor ${JSON.stringify(name)}, got none of that name`,
        {
          file: this.path,
          name,
        },
      )
    }
    if (entry.dtype === 'bool') this.#checkBools(entry)
    const shared = this.#view(entry, entry.dtype)
    if (!this.#copy) return shared
    try {
      return clone(shared)
    } finally {
      shared.dispose()
    }
  }

  #view(entry: TensorEntry, dtype: TensorEntry['dtype']): Tensor {
    const start = this.#header.dataStart + entry.begin
    return this.#mapping.tensor(start, entry.end - entry.begin, [...entry.shape], dtype)
  }

  /** libtorch computes nonsense with a bool of 2, so such bytes are refused. */
  #checkBools(entry: TensorEntry): void {
    const bytes = this.#view(entry, 'uint8')
    const above = gt(bytes, 1)
    const anyAbove = any(above)
    const isWrong = anyAbove.item() !== 0
    for (const tensor of [bytes, above, anyAbove]) tensor.dispose()
    if (!isWrong) return
    throw new FormatError(
      'BAD_SAFETENSORS',
      `${this.path}: ${JSON.stringify(entry.name)}: expected bools of 0 and 1, got other bytes; write the file again`,
      { file: this.path, name: entry.name },
    )
  }
}

/**
 * Reads a safetensors file as a map from name to tensor.
 *
 * @example const tensors = readSafetensors('model.safetensors')
 * @throws FormatError where the file cannot be read or its header says anything untrue.
 */
export function readSafetensors(path: string, options: ReadOptions = {}): Map<string, Tensor> {
  const file = new SafetensorsFile(path, options)
  return scope(() => new Map([...file.entries.keys()].map(name => [name, file.tensor(name)])))
}

function mapWhole(path: string): FileMapping {
  try {
    const found = statSync(path)
    if (found.isDirectory()) throw Object.assign(new Error('a folder'), { code: 'EISDIR' })
    if (found.size < 8) parseHeaderLength(path, new Uint8Array(8), found.size) // an empty file cannot be mapped
    return mapFile(path)
  } catch (error) {
    if (error instanceof BidoraError && !(error instanceof TorchError)) throw error // set-up is missing, or ours already
    throw fileFault(path, 'a safetensors file', error)
  }
}
