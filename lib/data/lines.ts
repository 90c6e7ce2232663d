import { FormatError } from '../errors.ts'
import { type DataSource, readBytes, sourceName } from './bytes.ts'

/** One line without its `\n`; a `\r` before it is still there. Numbers start at 1. */
export interface Line {
  number: number
  text: string
}

/** Where reading begins, and who is told where lines do. */
export interface LineReading {
  /** Lines and unpacked bytes before the first line that is read. */
  from?: { line: number; offset: number } | undefined
  /** Called for each line before it is given, with the unpacked bytes before it. */
  onLine?: ((line: number, offset: number) => void) | undefined
}

const longestLine = 64 * 1024 * 1024 // bytes; a longer one is no text file, and would fill the memory
const newline = 0x0a

/**
 * The lines of UTF-8 text, in pieces of bounded memory. Only `\n` ends a line: control characters and Unicode line
 * separators stay in the text. A byte order mark at the start is taken off; a missing last `\n` is no matter.
 *
 * @throws FormatError with file and line where the bytes are no UTF-8, or are UTF-16, parquet or other binary data.
 */
export async function* readLines(source: DataSource, reading: LineReading = {}): AsyncGenerator<Line> {
  const name = sourceName(source)
  const { from = { line: 0, offset: 0 }, onLine } = reading
  let number = from.line
  let offset = from.offset
  let unfinished: Uint8Array[] = []
  let size = 0
  for await (const piece of readBytes(source, from.offset)) {
    let start = 0
    for (let end = piece.indexOf(newline); end >= 0; end = piece.indexOf(newline, start)) {
      const bytes = joinBytes(unfinished, piece.subarray(start, end))
      unfinished = []
      size = 0
      start = end + 1
      number++
      onLine?.(number, offset)
      offset += bytes.length + 1
      yield { number, text: decodeLine(name, number, bytes) }
    }
    if (start < piece.length) unfinished.push(piece.subarray(start))
    size += piece.length - start
    if (size > longestLine) {
      throw new FormatError(
        'DATA_LINE_LENGTH',
        `${name}:${number + 1}: expected lines of text, got one of more than ${longestLine >> 20} MiB; check that this is a text file`,
        { file: name, line: number + 1 },
      )
    }
  }
  if (size === 0) return
  onLine?.(number + 1, offset)
  yield { number: number + 1, text: decodeLine(name, number + 1, joinBytes(unfinished, new Uint8Array(0))) }
}

/** A line without the `\r` of a Windows line end. */
export function withoutReturn(text: string): string {
  return text.endsWith('\r') ? text.slice(0, -1) : text
}

function joinBytes(before: Uint8Array[], last: Uint8Array): Uint8Array {
  return before.length === 0 ? last : Buffer.concat([...before, last])
}

// ignoreBOM: only the mark at the very start is no text, and that one is taken off below.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decodeLine(name: string, number: number, bytes: Uint8Array): string {
  const binary = number === 1 ? binaryKind(bytes) : undefined
  let text: string | undefined
  try {
    text = utf8.decode(bytes)
  } catch {
    // told below
  }
  if (binary === undefined && text !== undefined && !text.includes('\0')) {
    return number === 1 && text.startsWith('\ufeff') ? text.slice(1) : text
  }
  const got = binary ?? (text === undefined ? invalidByte(bytes) : 'a zero byte')
  throw new FormatError('DATA_ENCODING', `${name}:${number}: expected UTF-8 text, got ${got}; save the file as UTF-8`, {
    file: name,
    line: number,
  })
}

function binaryKind(bytes: Uint8Array): string | undefined {
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) return 'UTF-16'
  const magic = Buffer.from(bytes.subarray(0, 4)).toString('latin1')
  if (magic === 'PAR1') return 'a parquet file'
  if (magic === 'PK\x03\x04') return 'a zip file (a spreadsheet or an archive)'
  return undefined
}

/** Names the first byte that is no UTF-8, and the text before it, which is what the user can look for. */
function invalidByte(bytes: Uint8Array): string {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
  let at = -1
  let offset: number
  do {
    at = text.indexOf('\ufffd', at + 1)
    offset = Buffer.byteLength(text.slice(0, at))
    // A replacement character that stands in the file is valid.
  } while (bytes[offset] === 0xef && bytes[offset + 1] === 0xbf && bytes[offset + 2] === 0xbd)
  return `the byte 0x${bytes[offset]!.toString(16)} after ${JSON.stringify(text.slice(Math.max(0, at - 20), at))}`
}
