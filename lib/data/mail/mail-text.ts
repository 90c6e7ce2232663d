import { type DecodingCounts, decodeBytes } from './charset.ts'
import { htmlToText } from './html-text.ts'
import { decodeQuotedPrintable, type Part, parseMail } from './mime.ts'

/** What is kept of a mail. */
export interface MailText {
  subject: string
  /** Decoded text of the body: the plain form where there is one, else the HTML without its tags. */
  body: string
}

const deepest = 10 // mails within mails

/** Subject and text of a mail; all other headers, and attachments, are left out. */
export function mailText(bytes: Buffer, counts: DecodingCounts, depth = 0): MailText {
  const mail = parseMail(bytes)
  const body = bodyText(mail, counts, depth).replace(/\r\n?/g, '\n').trim()
  return { subject: decodeHeader(mail.headers.get('subject') ?? '', mail.parameters.get('charset'), counts), body }
}

function bodyText(part: Part, counts: DecodingCounts, depth: number): string {
  if (part.parts.length > 0) {
    const texts = part.parts.map(child => ({ html: child.type === 'text/html', text: bodyText(child, counts, depth) }))
    const filled = texts.filter(({ text }) => text.trim() !== '')
    if (part.type !== 'multipart/alternative') return filled.map(({ text }) => text.trim()).join('\n\n')
    return (filled.find(({ html }) => !html) ?? filled[0])?.text ?? ''
  }
  if (part.attachment) return ''
  if (part.type === 'message/rfc822') {
    if (depth === deepest) return ''
    const { subject, body } = mailText(part.body, counts, depth + 1)
    return `${subject}\n${body}`
  }
  return leafText(part, counts)
}

function leafText(part: Part, counts: DecodingCounts): string {
  const start = part.body.subarray(0, 1024).toString('latin1')
  if (
    part.type === 'text/html' ||
    part.type === 'text/enriched' ||
    (part.type === undefined && /^\s*<(!doctype|html)\b/i.test(start))
  ) {
    const charset = part.parameters.get('charset') ?? /<meta[^>]*charset\s*=\s*["']?([\w-]+)/i.exec(start)?.[1]
    return htmlToText(decodeBytes(part.body, charset, counts))
  }
  // Copied headers and address cards are text only by name.
  const isText =
    part.type === undefined || (part.type.startsWith('text/') && !/rfc822-headers|calendar|vcard/.test(part.type))
  return isText ? decodeBytes(part.body, part.parameters.get('charset'), counts) : ''
}

/** A header as text: encoded words (RFC 2047) by their charset, bare bytes above 127 by the mail's own. */
export function decodeHeader(value: string, charset: string | undefined, counts: DecodingCounts): string {
  const split = value.split(/(=\?[^?\s]+\?[bq]\?[^?]*\?=)/i) // encoded words at the odd places
  // White space between two encoded words is no content.
  const words = split.map((word, i) => (i % 2 === 0 && i > 0 && i < split.length - 1 && word.trim() === '' ? '' : word))
  const pieces = words.map((word, i) => {
    const parts = i % 2 === 1 ? /^=\?([^?*]+)[^?]*\?([bq])\?([^?]*)\?=$/i.exec(word) : null
    if (parts === null) return { charset, bytes: Buffer.from(word, 'latin1') }
    const [, name, encoding, text] = parts as unknown as [string, string, string, string]
    const bytes = /b/i.test(encoding) ? Buffer.from(text, 'base64') : decodeQuotedPrintable(text.replaceAll('_', ' '))
    return { charset: name, bytes }
  })
  // Neighbours in one charset are decoded together: some mailers cut a character in two. (ISO 2022 changes state instead,
  // and each of its words begins anew.)
  const joined: typeof pieces = []
  for (const piece of pieces.filter(({ bytes }) => bytes.length > 0)) {
    const last = joined.at(-1)
    if (last && last.charset === piece.charset && !/^iso-2022/i.test(piece.charset ?? ''))
      last.bytes = Buffer.concat([last.bytes, piece.bytes])
    else joined.push(piece)
  }
  return joined
    .map(piece => decodeBytes(piece.bytes, piece.charset, counts))
    .join('')
    .replace(/\s+/g, ' ')
    .trim()
}
