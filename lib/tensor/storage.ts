import { addon } from './addon.ts'
import type { DType } from './dtype.ts'
import type { Tensor } from './tensor.ts'

/** A file mapped into memory, read only: writing to a tensor over it does not reach the file. */
export interface FileMapping {
  readonly path: string
  readonly byteLength: number
  /** A copy of some bytes. */
  bytes(offset: number, length: number): Uint8Array
  /** A tensor over the file's bytes, without a copy where they are aligned to the dtype. */
  tensor(offset: number, length: number, shape: readonly number[], dtype: DType): Tensor
}

/**
 * Maps a file. It stays mapped for as long as the mapping or a tensor over it lives.
 *
 * @throws TorchError where the file cannot be read.
 */
export function mapFile(path: string): FileMapping {
  const mapping = addon().mapFile(path)
  return {
    path,
    byteLength: addon().mappingLength(mapping),
    bytes: (offset, length) => new Uint8Array(addon().mappingBytes(mapping, offset, length)),
    tensor: (offset, length, shape, dtype) => addon().mappingTensor(mapping, offset, length, shape, dtype),
  }
}
