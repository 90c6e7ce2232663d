import { stat } from 'node:fs/promises'
import * as zlib from 'node:zlib'
import type { AsyncBuffer, Compressors, FileMetaData } from 'hyparquet'
import { BidoraError, FormatError } from '../errors.ts'
import { fileFault } from '../io/file-fault.ts'
import { type DataSource, readBytes, sourceName } from './bytes.ts'
import { parseFeatures, plainRow } from './features.ts'
import type { NamedRow } from './rows.ts'

type Unpack = (bytes: Uint8Array) => Uint8Array

/** Snappy is the library's own. Node has Zstandard from 22.15 on. */
const compressors: Compressors = {
  GZIP: bytes => zlib.gunzipSync(bytes),
  BROTLI: bytes => zlib.brotliDecompressSync(bytes),
}
const zstd = (zlib as { zstdDecompressSync?: Unpack }).zstdDecompressSync
if (zstd !== undefined) compressors.ZSTD = bytes => zstd(bytes)

// The library's own decoder takes a byte order mark off texts and lets bytes pass that are no UTF-8.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const parsers = { stringFromBytes: (bytes: Uint8Array | undefined) => bytes && utf8.decode(bytes) }

/**
 * The rows of a parquet file, one row group in memory at a time (a stream is read whole). `line` is the number of the row,
 * from 1. Where `datasets` wrote the file, classes come by their names.
 *
 * @param from rows to pass over; row groups that hold no other are not read.
 * @throws FormatError where the file is no parquet file, is cut off, or compressed in a way that Node cannot unpack.
 */
export async function* readParquet(source: DataSource, from = 0): AsyncGenerator<NamedRow> {
  const { parquetMetadataAsync, parquetReadObjects } = await import('hyparquet')
  const name = sourceName(source)
  const file = await openBuffer(source)
  const metadata = await attempt(name, () => parquetMetadataAsync(file))
  refuseCodecs(name, metadata)
  const features = parseFeatures(metadata.key_value_metadata?.find(({ key }) => key === 'huggingface')?.value)
  let rowStart = 0
  for (const { num_rows } of metadata.row_groups) {
    const rowEnd = rowStart + Number(num_rows)
    if (rowEnd > from) {
      const rows = await attempt(name, () =>
        parquetReadObjects({ file, metadata, rowStart, rowEnd, compressors, parsers }),
      )
      for (let i = Math.max(0, from - rowStart); i < rows.length; i++) {
        yield { line: rowStart + i + 1, values: plainRow(rows[i]!, features) }
      }
    }
    rowStart = rowEnd
  }
}

async function openBuffer(source: DataSource): Promise<AsyncBuffer> {
  if (typeof source === 'string') {
    const { asyncBufferFromFile } = await import('hyparquet')
    try {
      if ((await stat(source)).isFile()) return await asyncBufferFromFile(source)
    } catch (error) {
      throw fileFault(source, 'a parquet file', error)
    }
  }
  const pieces: Uint8Array[] = []
  for await (const piece of readBytes(source)) pieces.push(piece)
  const { buffer } = Uint8Array.from(Buffer.concat(pieces))
  return { byteLength: buffer.byteLength, slice: (start, end) => buffer.slice(start, end) }
}

async function attempt<T>(name: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof BidoraError) throw error
    throw new FormatError(
      'DATA_PARQUET',
      `${name}: expected a whole parquet file, got one that cannot be read (${(error as Error).message}); write it again`,
      { file: name },
      { cause: error },
    )
  }
}

function refuseCodecs(name: string, metadata: FileMetaData): void {
  const known = ['UNCOMPRESSED', 'SNAPPY', ...Object.keys(compressors)]
  const used = metadata.row_groups.flatMap(({ columns }) => columns.map(column => column.meta_data?.codec))
  const codec = used.find(each => each !== undefined && !known.includes(each))
  if (codec === undefined) return
  const newer = codec === 'ZSTD' ? ', or use Node 22.15 or later' : ''
  throw new FormatError(
    'DATA_PARQUET',
    `${name}: expected a parquet file compressed with ${known.slice(1).join(', ').toLowerCase()} or not at all, got ${codec.toLowerCase()}; ` +
      `write it with compression='snappy'${newer}`,
    { file: name, codec },
  )
}
