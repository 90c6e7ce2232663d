import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DataError } from '../../errors.ts'
import { fileFault } from '../../io/file-fault.ts'
import { noCounts } from './charset.ts'
import { readParsed, writeParsed } from './corpus-cache.ts'
import type { Corpus } from './corpus-types.ts'
import { mailText } from './mail-text.ts'
import { splitHead } from './mime.ts'

const folders = {
  'easy-ham-1': 'ham',
  'easy-ham-2': 'ham',
  'hard-ham-1': 'ham',
  'spam-1': 'spam',
  'spam-2': 'spam',
} as const

/**
 * Reads all mails of the corpus. The result is kept in a file beside them where that can be written, since taking 6,046
 * mails apart takes a second or more.
 *
 * @throws DataError where the folder does not hold exactly `expected` mails.
 */
export async function readCorpus(path: string, expected: number): Promise<Corpus> {
  const files = await listMails(path)
  if (files.length !== expected) {
    throw new DataError(
      'DATA_CORPUS',
      `${path}: expected ${expected} mails in ${Object.keys(folders).join(', ')}, got ${files.length}; fetch the corpus again with npx bidora-torch setup`,
      { folder: path, expected, got: files.length },
    )
  }
  const key = fingerprint(files)
  const parsed = await readParsed(path, key)
  if (parsed !== undefined) return parsed
  const corpus = await parseMails(path, files)
  writeParsed(path, key, corpus)
  return corpus
}

async function listMails(path: string): Promise<string[]> {
  const lists = await Promise.all(
    Object.keys(folders).map(async folder => {
      try {
        return (await readdir(join(path, folder)))
          .filter(name => name.endsWith('.txt'))
          .map(name => `${folder}/${name}`)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
        throw fileFault(join(path, folder), 'a folder of mails', error)
      }
    }),
  )
  return lists.flat().sort()
}

/** The names are enough: each holds the MD5 of its mail. */
function fingerprint(files: readonly string[]): string {
  return createHash('sha256').update(files.join('\n')).digest('hex')
}

async function parseMails(path: string, files: readonly string[]): Promise<Corpus> {
  const corpus: Corpus = { mails: [], found: files.length, dropped: 0, decoding: noCounts() }
  const seen = new Set<string>()
  for (const file of files) {
    // The .txt files, as bytes: the package's .json files were decoded as UTF-8, and 500 of them hold replacement characters.
    const bytes = await readFile(join(path, file))
    const body = createHash('sha256')
      .update(trimmed(splitHead(bytes)[1]))
      .digest('hex')
    if (seen.has(body)) {
      corpus.dropped++
      continue
    }
    seen.add(body)
    const label = folders[file.split('/')[0] as keyof typeof folders]
    corpus.mails.push({ file, label, ...mailText(bytes, corpus.decoding) })
  }
  return corpus
}

/** Bodies are equal if their bytes are, apart from ASCII white space at both ends. */
function trimmed(bytes: Buffer): Buffer {
  const isSpace = (byte: number | undefined) => byte === 0x20 || (byte !== undefined && byte >= 0x09 && byte <= 0x0d)
  let [start, end] = [0, bytes.length]
  while (start < end && isSpace(bytes[start])) start++
  while (end > start && isSpace(bytes[end - 1])) end--
  return bytes.subarray(start, end)
}
