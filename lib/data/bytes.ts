import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { FormatError } from '../errors.ts'
import { fileFault } from '../io/file-fault.ts'

/** A file by its path, or bytes from elsewhere (standard input) with the name that errors call them by. */
export type DataSource = string | { name: string; bytes: AsyncIterable<Uint8Array> }

export function sourceName(source: DataSource): string {
  return typeof source === 'string' ? source : source.name
}

/**
 * The bytes of a source in pieces, unpacked where they are gzip (told by their first two bytes, not by the name).
 *
 * @param from unpacked bytes to pass over. Of a file that is not packed they are not read.
 * @throws FormatError where the file cannot be read or its gzip is broken or cut off.
 */
export async function* readBytes(source: DataSource, from = 0): AsyncGenerator<Uint8Array> {
  const name = sourceName(source)
  if (from > 0) {
    yield* readFrom(source, from)
    return
  }
  try {
    const [head, rest] = await takeHead(typeof source === 'string' ? createReadStream(source) : source.bytes)
    const whole = joined(head, rest)
    if (head[0] === 0x1f && head[1] === 0x8b) {
      const unpacked = createGunzip()
      // The callback is empty because `for await` on the last stream sees the error of any of them.
      pipeline(Readable.from(whole), unpacked, () => {})
      yield* unpacked
    } else yield* whole
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (code.startsWith('Z_')) {
      throw new FormatError(
        'DATA_GZIP',
        `${name}: expected a whole gzip file, got a broken or cut-off one (${(error as Error).message}); fetch it again`,
        { file: name },
        { cause: error },
      )
    }
    if (/^E[A-Z]+$/.test(code)) throw fileFault(name, 'a file with data', error)
    throw error
  }
}

async function* readFrom(source: DataSource, from: number): AsyncGenerator<Uint8Array> {
  if (typeof source === 'string' && !(await isPacked(source))) {
    yield* createReadStream(source, { start: from })
    return
  }
  let left = from
  for await (const piece of readBytes(source)) {
    if (left < piece.length) yield left === 0 ? piece : piece.subarray(left)
    left = Math.max(0, left - piece.length)
  }
}

async function isPacked(path: string): Promise<boolean> {
  let file: Awaited<ReturnType<typeof open>> | undefined
  try {
    file = await open(path)
    const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0)
    return buffer[0] === 0x1f && buffer[1] === 0x8b
  } catch (error) {
    throw fileFault(path, 'a file with data', error)
  } finally {
    await file?.close()
  }
}

/** The first bytes (at least four, or all there are), and the iterator that goes on after them. */
async function takeHead(source: AsyncIterable<Uint8Array>): Promise<[Uint8Array, AsyncIterator<Uint8Array>]> {
  const rest = source[Symbol.asyncIterator]()
  let head: Uint8Array = new Uint8Array(0)
  while (head.length < 4) {
    const next = await rest.next()
    if (next.done) break
    head = Buffer.concat([head, next.value])
  }
  return [head, rest]
}

async function* joined(head: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    if (head.length > 0) yield head
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value
  } finally {
    // Whoever stops early closes the file too.
    await rest.return?.()
  }
}
