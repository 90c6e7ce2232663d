import { FormatError } from '../errors.ts'
import { type DType, itemSize } from '../tensor/index.ts'
import { isJsonObject, parseJson } from './json.ts'

// The format (github.com/huggingface/safetensors): 8 bytes little-endian length N, N bytes of JSON, then the data.
// { "__metadata__": { key: string }, name: { "dtype", "shape", "data_offsets": [begin, end] }, ... }
// Offsets count from the end of the header; the tensors fill the data without gap or overlap.

/** One tensor of a file: offsets in bytes from the start of the data. */
export interface TensorEntry {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly begin: number
  readonly end: number
}

/** What a header says, verified against the length of the file. */
export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>
  /** In the order of the data. */
  readonly entries: ReadonlyMap<string, TensorEntry>
  /** Offset of the data in the file, in bytes. */
  readonly dataStart: number
}

/** Largest header that is read or written, in bytes: the limit of the official library. */
export const maximumHeaderLength = 100_000_000

/** Names on disk, from the coarsest alignment to the finest: the official writer's order. */
export const storedDtypes = [
  ['I64', 'int64'],
  ['F64', 'float64'],
  ['F32', 'float32'],
  ['I32', 'int32'],
  ['BF16', 'bfloat16'],
  ['F16', 'float16'],
  ['I16', 'int16'],
  ['I8', 'int8'],
  ['U8', 'uint8'],
  ['BOOL', 'bool'],
] as const satisfies readonly (readonly [string, DType])[]

const byStoredName = new Map<string, DType>(storedDtypes)
const fields = ['dtype', 'shape', 'data_offsets']
const shownProblems = 20

/**
 * Reads the length of the header from the first 8 bytes of a file.
 *
 * @throws FormatError where it cannot be true.
 */
export function parseHeaderLength(path: string, first: Uint8Array, fileLength: number): number {
  if (fileLength < 8) {
    throw refusal(path, [`expected 8 bytes of header length, got a file of ${fileLength} bytes`])
  }
  const length = new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true)
  if (length > BigInt(maximumHeaderLength)) {
    throw refusal(path, [`expected a header of at most ${maximumHeaderLength} bytes, got a length of ${length}`])
  }
  if (length > BigInt(fileLength - 8)) {
    throw refusal(path, [`expected a header within the file's ${fileLength} bytes, got a length of ${length}`])
  }
  return Number(length)
}

/**
 * Parses the JSON of a header and verifies every claim it makes: dtypes, shapes, sizes, and that the tensors fill the
 * data of the file without gap, overlap or rest.
 *
 * @throws FormatError that lists all problems together.
 */
export function parseHeader(path: string, header: Uint8Array, fileLength: number): SafetensorsHeader {
  const json = parseHeaderJson(path, header)
  const problems: string[] = []
  const metadata = readMetadata(json.__metadata__, problems)
  const found: TensorEntry[] = []
  for (const [name, value] of Object.entries(json)) {
    if (name === '__metadata__') continue
    const entry = readEntry(name, value, problems)
    if (entry) found.push(entry)
  }
  found.sort((a, b) => a.begin - b.begin || a.end - b.end)
  const dataStart = 8 + header.byteLength
  // Where an entry could not be read, every later gap would follow from it.
  if (problems.length === 0) checkLayout(found, fileLength - dataStart, problems)
  if (problems.length > 0) throw refusal(path, problems)
  return { metadata, entries: new Map(found.map(entry => [entry.name, entry])), dataStart }
}

function parseHeaderJson(path: string, header: Uint8Array): Record<string, unknown> {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header)
  } catch (cause) {
    throw refusal(path, ['expected a header in UTF-8, got bytes that are none'], cause)
  }
  if (!text.startsWith('{')) throw refusal(path, ['expected a header that begins with "{"'])
  let json: unknown
  try {
    json = parseJson(text, `${path}, header`)
  } catch (cause) {
    throw refusal(path, [(cause as Error).message], cause)
  }
  return json as Record<string, unknown> // it begins with "{"
}

function readMetadata(value: unknown, problems: string[]): Record<string, string> {
  if (value === undefined) return {}
  if (!isJsonObject(value)) {
    problems.push(`__metadata__: expected an object of strings, got ${JSON.stringify(value)}`)
    return {}
  }
  for (const [key, text] of Object.entries(value)) {
    if (typeof text === 'string') continue
    problems.push(`__metadata__.${key}: expected a string, got ${JSON.stringify(text)}`)
  }
  return value as Record<string, string>
}

function readEntry(name: string, value: unknown, problems: string[]): TensorEntry | undefined {
  const before = problems.length
  const wrong = (problem: string) => void problems.push(`${JSON.stringify(name)}: ${problem}`)
  if (!isJsonObject(value)) {
    wrong(`expected an object, got ${JSON.stringify(value)}`)
    return undefined
  }
  const unknownFields = Object.keys(value).filter(key => !fields.includes(key))
  if (unknownFields.length > 0) wrong(`expected the fields ${fields.join(', ')}, got also ${unknownFields.join(', ')}`)

  const { dtype, shape, data_offsets: offsets } = value
  const stored = typeof dtype === 'string' ? byStoredName.get(dtype) : undefined
  if (!stored) wrong(`expected a dtype of ${[...byStoredName.keys()].join(', ')}, got ${JSON.stringify(dtype)}`)
  const shapeIsGood = Array.isArray(shape) && shape.every(isCount)
  if (!shapeIsGood) wrong(`expected a shape of whole numbers from 0, got ${JSON.stringify(shape)}`)
  const offsetsAreGood = Array.isArray(offsets) && offsets.length === 2 && offsets.every(isCount)
  if (!offsetsAreGood) wrong(`expected data_offsets of two whole numbers from 0, got ${JSON.stringify(offsets)}`)
  if (!stored || !shapeIsGood || !offsetsAreGood) return undefined

  const [begin, end] = offsets as [number, number]
  // A product that was too large once stays wrong, whatever follows: [2^40, 2^40, 0] has no size either.
  const times = (bytes: number, count: number) => (Number.isSafeInteger(bytes * count) ? bytes * count : Number.NaN)
  const claimed = (shape as number[]).reduce(times, itemSize[stored])
  if (end < begin) wrong(`expected data_offsets in order, got [${begin}, ${end}]`)
  else if (!Number.isSafeInteger(claimed)) wrong(`expected a shape that memory can hold, got [${shape.join(', ')}]`)
  else if (claimed !== end - begin) {
    wrong(`expected ${claimed} bytes for ${dtype} [${shape.join(', ')}], got ${end - begin} ([${begin}, ${end}])`)
  }
  return problems.length > before ? undefined : { name, dtype: stored, shape: shape as number[], begin, end }
}

/** `entries` in the order of their offsets must cover [0, dataLength) exactly. */
function checkLayout(entries: readonly TensorEntry[], dataLength: number, problems: string[]): void {
  let position = 0
  for (const { name, begin, end } of entries) {
    if (end > dataLength) {
      problems.push(`${JSON.stringify(name)}: expected an end within ${dataLength} bytes of data, got ${end}`)
    }
    if (begin !== position) {
      const kind = begin < position ? 'an overlap' : 'a gap'
      problems.push(`${JSON.stringify(name)}: expected to begin at ${position}, got ${begin}: ${kind}`)
    }
    position = Math.max(position, end)
  }
  if (position < dataLength) {
    problems.push(
      `expected data of ${position} bytes, got ${dataLength}: ${dataLength - position} bytes belong to no tensor`,
    )
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0)
}

function refusal(path: string, problems: readonly string[], cause?: unknown): FormatError {
  const shown = problems.slice(0, shownProblems).join('; ')
  const rest = problems.length > shownProblems ? `; and ${problems.length - shownProblems} more` : ''
  return new FormatError(
    'BAD_SAFETENSORS',
    `${path}: not a sound safetensors file: ${shown}${rest}; get or write the file again`,
    { file: path, problems },
    cause === undefined ? undefined : { cause },
  )
}
