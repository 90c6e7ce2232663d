import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '../../io/atomic.ts'
import type { Corpus, CorpusMail } from './corpus-types.ts'

// Count up with every change to what a mail is turned into.
const parserVersion = 1
const fileName = `parsed-v${parserVersion}.jsonl`

/** First line of the kept file; the mails follow, one a line. */
interface Header extends Omit<Corpus, 'mails'> {
  parser: number
  /** Stands for the names of the mails it was made from. */
  key: string
  /** Of the lines below, so that a damaged file is not believed. */
  sha256: string
}

/** The corpus as it was kept before; undefined where it was not, or from other mails, or is damaged. */
export async function readParsed(folder: string, key: string): Promise<Corpus | undefined> {
  try {
    const content = await readFile(join(folder, fileName), 'utf8')
    const end = content.indexOf('\n')
    const header = JSON.parse(content.slice(0, end)) as Header
    const lines = content.slice(end + 1)
    if (header.parser !== parserVersion || header.key !== key || header.sha256 !== sha256(lines)) return undefined
    const mails = lines
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as CorpusMail)
    return { mails, found: header.found, dropped: header.dropped, decoding: header.decoding }
  } catch {
    return undefined
  }
}

/** Keeps the corpus beside its mails, if the folder can be written to; it is only a matter of time. */
export function writeParsed(folder: string, key: string, { mails, ...counts }: Corpus): void {
  const lines = mails.map(mail => `${JSON.stringify(mail)}\n`).join('')
  const header: Header = { parser: parserVersion, key, sha256: sha256(lines), ...counts }
  try {
    writeFileAtomic(join(folder, fileName), `${JSON.stringify(header)}\n${lines}`)
  } catch {
    // A read-only cache: the mails are parsed anew each time.
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
