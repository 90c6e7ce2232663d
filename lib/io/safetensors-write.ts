import { ArgumentError } from '../errors.ts'
import { contiguous, detach, narrow, reshape } from '../ops/index.ts'
import { type DType, itemSize, scope, type Tensor } from '../tensor/index.ts'
import { writeAll, writeFileAtomic } from './atomic.ts'
import { maximumHeaderLength, storedDtypes } from './safetensors-header.ts'

/** Tensors by name. */
export type NamedTensors = ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>

const stored = new Map(storedDtypes.map(([name, dtype], rank) => [dtype as DType, { name, rank }]))
const chunkBytes = 64 << 20

/**
 * Writes tensors as a safetensors file: aside, flushed, then renamed into place. Tensors are written one at a time and
 * in pieces, so the extra memory is one tensor's where it is not contiguous and 64 MiB where it is; tensors of a GPU and
 * views are written as what they show. Order, padding and alignment are the official writer's.
 *
 * @example writeSafetensors('model.safetensors', { weight }, { format: 'pt' })
 * @throws ArgumentError for a name or metadata that the format cannot hold, and for a disposed tensor; nothing is written.
 */
export function writeSafetensors(path: string, tensors: NamedTensors, metadata: Record<string, string> = {}): void {
  const entries = sortAsOfficial(tensors instanceof Map ? [...tensors] : Object.entries(tensors))
  const header = makeHeader(path, entries, metadata)
  writeFileAtomic(path, file => {
    writeAll(file, header)
    for (const [, tensor] of entries) writeTensor(file, tensor)
  })
}

/** By descending alignment of the dtype, then by the bytes of the name: every tensor then lies aligned. */
function sortAsOfficial(entries: [string, Tensor][]): [string, Tensor][] {
  const rank = (tensor: Tensor) => stored.get(tensor.dtype)?.rank ?? 0
  return entries.sort(([a, x], [b, y]) => rank(x) - rank(y) || Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

function makeHeader(path: string, entries: [string, Tensor][], metadata: Record<string, string>): Uint8Array {
  const refuse = (problem: string): never => {
    throw new ArgumentError('BAD_TENSOR_NAME', `writeSafetensors: ${path}: ${problem}`, { file: path })
  }
  const header: [string, unknown][] = []
  if (Object.keys(metadata).length > 0) {
    for (const [key, value] of Object.entries(metadata)) {
      if (typeof value !== 'string') refuse(`expected metadata ${key} to be a string, got ${JSON.stringify(value)}`)
    }
    header.push(['__metadata__', metadata])
  }
  let offset = 0
  for (const [name, tensor] of entries) {
    if (name === '__metadata__')
      refuse('expected no tensor of the name "__metadata__", which the format reserves; rename it')
    if (/\p{Surrogate}/u.test(name))
      refuse(`expected names of whole characters, got ${JSON.stringify(name)}; rename the tensor`)
    const kind =
      stored.get(tensor.dtype) ?? refuse(`${name}: expected a dtype that the format holds, got ${tensor.dtype}`)
    const end = offset + tensor.numel * itemSize[tensor.dtype]
    header.push([name, { dtype: kind.name, shape: tensor.shape, data_offsets: [offset, end] }])
    offset = end
  }
  const text = Buffer.from(`{${header.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)}}`)
  const length = Math.ceil(text.byteLength / 8) * 8 // padded by spaces, so that the data begins aligned
  if (length > maximumHeaderLength) refuse(`expected a header of at most ${maximumHeaderLength} bytes, got ${length}`)
  const bytes = Buffer.alloc(8 + length, ' ')
  bytes.writeBigUInt64LE(BigInt(length))
  bytes.set(text, 8)
  return bytes
}

function writeTensor(file: number, tensor: Tensor): void {
  if (tensor.numel === 0) return
  const step = Math.floor(chunkBytes / itemSize[tensor.dtype])
  scope(() => {
    const flat = reshape(contiguous(detach(tensor)), [-1]) // [numel]
    for (let start = 0; start < tensor.numel; start += step) {
      scope(() => {
        const piece = narrow(flat, 0, start, Math.min(step, tensor.numel - start))
        writeAll(file, piece.bytes()) // sync
      })
    }
  })
}
