import { FormatError } from '../errors.ts'
import { type DataSource, sourceName } from './bytes.ts'
import { type Line, type LineReading, readLines, withoutReturn } from './lines.ts'
import type { NamedRow } from './rows.ts'

/** Which columns of a file of columns are read. */
export interface ConllOptions extends LineReading {
  /** Column of the words, from 1. Unless given the first; of CoNLL-U's ten columns the second. */
  textColumn?: string | undefined
  /** Column of the tags, from 1. Unless given the last; of CoNLL-U's ten columns the fourth (parts of speech). */
  labelColumn?: string | undefined
  /** Lines that begin with it are passed over. Unless given, `# ` in a file with tabs where the line has none. */
  comment?: string | undefined
}

/** How the lines of one file are taken apart, told by its first line of a token. */
interface Layout {
  separator: string | RegExp
  fields: number
  token: number
  tag: number
  universal: boolean
}

/**
 * The sentences of a file that has a token a line and an empty line after each sentence, as `{ tokens, labels }` with the
 * tags as they stand. Columns are separated by tabs where there are any, else by spaces. Lines that mark documents
 * (`-DOCSTART-`, `###MEDLINE:`) are no tokens. A sentence with a line that has another number of columns than the first is
 * an error in its place. `line` is that of the sentence's first token.
 *
 * @throws FormatError with file and line where the file is no UTF-8 text, or a column is not there.
 */
export async function* readConll(source: DataSource, options: ConllOptions = {}): AsyncGenerator<NamedRow> {
  const name = sourceName(source)
  // Whoever begins further down still needs the first line of a token: the one there may be a bad one.
  let layout = (options.from?.offset ?? 0) > 0 ? await headLayout(source, options) : undefined
  let sentence: { line: number; tokens: string[]; labels: string[]; error?: FormatError } | undefined
  for await (const line of readLines(source, options)) {
    const text = withoutReturn(line.text)
    const blank = /^[ \t]*$/.test(text)
    if (blank || isBoundary(text)) {
      if (sentence !== undefined) yield finished(sentence)
      sentence = undefined
      continue
    }
    if (isComment(text, layout, options)) continue
    layout ??= findLayout(name, line.number, text, options)
    const fields = split(text, layout.separator)
    if (layout.universal && /^\d+[-.]\d+$/.test(fields[0]!)) continue // a contraction or an empty node beside its words
    sentence ??= { line: line.number, tokens: [], labels: [] }
    const [token, tag] = [fields[layout.token], fields[layout.tag]?.replace(/^ +| +$/g, '')]
    if (fields.length === layout.fields && token && tag) {
      sentence.tokens.push(token)
      sentence.labels.push(tag)
    } else sentence.error ??= badLine(name, { ...line, text }, fields, layout)
  }
  if (sentence !== undefined) yield finished(sentence)
}

/** The layout that the first line of a token tells; undefined where a file has none. */
async function headLayout(source: DataSource, options: ConllOptions): Promise<Layout | undefined> {
  for await (const { number, text: whole } of readLines(source)) {
    const text = withoutReturn(whole)
    if (/^[ \t]*$/.test(text) || isBoundary(text) || isComment(text, undefined, options)) continue
    return findLayout(sourceName(source), number, text, options)
  }
  return undefined
}

function finished(sentence: { line: number; tokens: string[]; labels: string[]; error?: FormatError }): NamedRow {
  const { line, tokens, labels, error } = sentence
  return error === undefined ? { line, values: { tokens, labels } } : { line, error }
}

function isBoundary(text: string): boolean {
  return /^-DOCSTART-(?=[ \t]|$)/.test(text) || text.startsWith('###MEDLINE:')
}

function isComment(text: string, layout: Layout | undefined, { comment }: ConllOptions): boolean {
  if (comment !== undefined) return text.startsWith(comment)
  // At the head of a file nothing is known yet: a comment is taken for one where it could hardly be a token and its tags.
  return (
    text.startsWith('# ') &&
    !text.includes('\t') &&
    (layout === undefined ? / = /.test(text) : layout.separator === '\t')
  )
}

function split(text: string, separator: string | RegExp): string[] {
  return (separator === '\t' ? text : text.replace(/^ +| +$/g, '')).split(separator)
}

function findLayout(file: string, line: number, text: string, options: ConllOptions): Layout {
  const separator = text.includes('\t') ? '\t' : / +/
  const fields = split(text, separator)
  const universal = fields.length === 10 && /^\d+([-.]\d+)?$/.test(fields[0]!)
  const token = columnAt(file, line, fields, 'textColumn', options.textColumn, universal ? 2 : 1)
  const tag = columnAt(file, line, fields, 'labelColumn', options.labelColumn, universal ? 4 : fields.length)
  if (token !== tag) return { separator, fields: fields.length, token: token - 1, tag: tag - 1, universal }
  throw new FormatError(
    'DATA_COLUMNS',
    `${file}:${line}: expected a column of words and one of tags, got ${
      fields.length === 1 ? `one column (${JSON.stringify(text.slice(0, 60))})` : `column ${token} for both`
    }; write a token and its tag on each line, with a tab or a space between them`,
    { file, line },
  )
}

function columnAt(
  file: string,
  line: number,
  fields: readonly string[],
  option: string,
  given: string | undefined,
  usual: number,
): number {
  const column = given === undefined ? usual : Number(given)
  if (Number.isInteger(column) && column >= 1 && column <= fields.length) return column
  throw new FormatError(
    'DATA_COLUMNS',
    `${file}:${line}: expected ${option} to be a column from 1 to ${fields.length} (${fields.join(' | ').slice(0, 60)}), got '${given}'; ` +
      'give its number',
    { file, line, columns: fields },
  )
}

function badLine(file: string, { number, text }: Line, fields: readonly string[], layout: Layout): FormatError {
  const got = fields.length === layout.fields ? 'an empty token or tag' : String(fields.length)
  return new FormatError(
    'DATA_RAGGED',
    `${file}:${number}: expected ${layout.fields} columns as in the first line of a token, got ${got} (${JSON.stringify(text.slice(0, 60))}); mend the line`,
    { file, line: number, fields: fields.length },
  )
}
