import { FormatError } from '../errors.ts'
import { readBytes } from './bytes.ts'

/** A document of Reuters-21578. */
export interface ReutersDocument {
  /** Its number from 1 to 21578 (NEWID). */
  id: number
  /** The attributes of its element: TOPICS, LEWISSPLIT, CGISPLIT, ... */
  attributes: Readonly<Record<string, string>>
  /** Its topics, each once, in the order of the file. */
  topics: readonly string[]
  /** Title and body, without control characters; empty for the one document that has neither. */
  text: string
  date: string
}

/**
 * The documents of one file of Reuters-21578 (reut2-NNN.sgm), which is SGML and no XML: bytes are Latin-1, control characters
 * stand as numeric references.
 *
 * @throws FormatError where the file holds no documents, or one that does not end.
 */
export async function readReuters(path: string): Promise<ReutersDocument[]> {
  const pieces: Uint8Array[] = []
  for await (const piece of readBytes(path)) pieces.push(piece)
  const file = Buffer.concat(pieces).toString('latin1')
  const documents: ReutersDocument[] = []
  for (let start = file.indexOf('<REUTERS '); start >= 0; ) {
    const next = file.indexOf('<REUTERS ', start + 1)
    const end = file.indexOf('</REUTERS>', start)
    if (end < 0 || (next >= 0 && end > next)) throw broken(path, file, start, 'one without </REUTERS>')
    documents.push(parseDocument(path, file, start, end))
    start = next
  }
  if (documents.length === 0) throw broken(path, file, 0, 'none')
  return documents
}

function parseDocument(path: string, file: string, start: number, end: number): ReutersDocument {
  const headEnd = file.indexOf('>', start)
  const found = file.slice(start, headEnd).matchAll(/([A-Z]+)="([^"]*)"/g)
  const attributes = Object.fromEntries(Array.from(found, ([, name, value]) => [name!, value!]))
  const inner = file.slice(headEnd + 1, end)
  const [id, text] = [Number(attributes.NEWID), /<TEXT[^>]*>([\s\S]*)<\/TEXT>/.exec(inner)]
  if (!(id > 0) || text === null) throw broken(path, file, start, id > 0 ? 'one without TEXT' : 'one without NEWID')
  const topics = Array.from(element(inner, 'TOPICS').matchAll(/<D>([^<]*)<\/D>/g), ([, topic]) => topic!)
  return {
    id,
    attributes,
    topics: [...new Set(topics)], // two documents name one twice
    text: plainText(text[1]!),
    date: plain(element(inner, 'DATE')),
  }
}

/**
 * Title and body, each on lines of its own. Where there is neither (TYPE="UNPROC") all of it; text between them, a title's
 * second half for the most part, has its place. Asterisks and the filler of TYPE="BRIEF" are no text.
 */
function plainText(text: string): string {
  const loose = text
    .replace(/<(TITLE|BODY|DATELINE|AUTHOR)>[\s\S]*?<\/\1>/g, '')
    .replace(/^((?:\s|&#\d+;)*)\*+/, '$1')
    .replace('Blah blah blah.', '')
  return [element(text, 'TITLE'), loose, element(text, 'BODY')]
    .map(plain)
    .filter(piece => piece !== '')
    .join('\n')
}

function element(text: string, name: string): string {
  return new RegExp(`<${name}>([\\s\\S]*?)</${name}>`).exec(text)?.[1] ?? ''
}

/** Entities as their characters; control characters but line ends and tabs are none, whether written or referred to. */
function plain(text: string): string {
  return text
    .replace(/&(?:#(\d+)|(lt|gt|amp));/g, (_all, code?: string, name?: string) =>
      code === undefined ? { lt: '<', gt: '>', amp: '&' }[name as 'lt']! : String.fromCharCode(Number(code)),
    )
    .replace(/[\x00-\x08\x0b-\x1f\x7f]/g, '')
    .trim()
}

function broken(path: string, file: string, at: number, got: string): FormatError {
  const line = file.slice(0, at).split('\n').length
  return new FormatError(
    'DATA_SGML',
    `${path}:${line}: expected whole documents <REUTERS ...>...</REUTERS>, got ${got}; fetch the file again`,
    { file: path, line },
  )
}
