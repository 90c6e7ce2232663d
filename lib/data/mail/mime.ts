/** A mail or a part of one: its own headers, and either a body or parts. */
export interface Part {
  /** First value of each header, name in lower case, folding undone, bytes as latin1 letters. */
  headers: Map<string, string>
  /** Media type in lower case; undefined where there is none. */
  type: string | undefined
  /** Parameters of the media type, names in lower case. */
  parameters: Map<string, string>
  attachment: boolean
  /** Body with its transfer encoding taken off; empty where there are parts. */
  body: Buffer
  parts: Part[]
}

const deepest = 20 // parts within parts; a body below that is left whole

/** Takes a mail apart by RFC 2045 and 2046. Any bytes give a mail; what is malformed is read as plain text. */
export function parseMail(bytes: Buffer): Part {
  return parsePart(bytes, undefined, 0)
}

function parsePart(bytes: Buffer, defaultType: string | undefined, depth: number): Part {
  const [head, rest] = splitHead(bytes)
  const headers = parseHeaders(head)
  const declared = headers.get('content-type')
  const type = declared === undefined ? defaultType : /^\s*([\w.+-]+\/[\w.+-]+)/.exec(declared)?.[1]?.toLowerCase()
  const parameters = parseParameters(declared ?? '')
  const attachment = /^\s*attachment/i.test(headers.get('content-disposition') ?? '')
  const boundary = type?.startsWith('multipart/') && depth < deepest ? parameters.get('boundary') : undefined
  const pieces = boundary === undefined ? [] : splitParts(rest, boundary)
  const childType = type === 'multipart/digest' ? 'message/rfc822' : undefined
  return {
    headers,
    type: type?.startsWith('multipart/') && pieces.length === 0 ? undefined : type,
    parameters,
    attachment,
    body: pieces.length > 0 ? Buffer.alloc(0) : decodeTransfer(rest, headers.get('content-transfer-encoding') ?? ''),
    parts: pieces.map(piece => parsePart(piece, childType, depth + 1)),
  }
}

/** Headers and body: the first empty line is between them. */
export function splitHead(bytes: Buffer): [head: Buffer, body: Buffer] {
  if (bytes[0] === 0x0a) return [bytes.subarray(0, 0), bytes.subarray(1)]
  if (bytes[0] === 0x0d && bytes[1] === 0x0a) return [bytes.subarray(0, 0), bytes.subarray(2)]
  for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, end + 1)) {
    if (bytes[end + 1] === 0x0a) return [bytes.subarray(0, end), bytes.subarray(end + 2)]
    if (bytes[end + 1] === 0x0d && bytes[end + 2] === 0x0a) return [bytes.subarray(0, end), bytes.subarray(end + 3)]
  }
  return [bytes, bytes.subarray(bytes.length)]
}

function parseHeaders(head: Buffer): Map<string, string> {
  const headers = new Map<string, string>()
  const unfolded = head.toString('latin1').replace(/\r?\n(?=[ \t])/g, '')
  for (const line of unfolded.split(/\r?\n/)) {
    const colon = /^([!-9;-~]+)[ \t]*:/.exec(line)
    const name = colon?.[1]?.toLowerCase()
    if (name !== undefined && !headers.has(name)) headers.set(name, line.slice(colon![0].length).trim())
  }
  return headers
}

function parseParameters(value: string): Map<string, string> {
  const parameters = new Map<string, string>()
  for (const [, name, quoted, plain] of value.matchAll(/;\s*([\w*.-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))/g)) {
    parameters.set(name!.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '')
  }
  return parameters
}

/** What stands between the boundary lines; before the first and after the closing one is no content. */
function splitParts(body: Buffer, boundary: string): Buffer[] {
  const mark = Buffer.from(`--${boundary}`, 'latin1')
  const pieces: Buffer[] = []
  let start = -1
  for (let at = body.indexOf(mark); at >= 0; at = body.indexOf(mark, at + mark.length)) {
    if (at > 0 && body[at - 1] !== 0x0a) continue
    const lineEnd = body.indexOf(0x0a, at)
    const rest = body.subarray(at + mark.length, lineEnd < 0 ? body.length : lineEnd).toString('latin1')
    if (!/^(--)?[ \t]*\r?$/.test(rest)) continue
    if (start >= 0) pieces.push(body.subarray(start, lineBefore(body, at)))
    start = lineEnd < 0 ? body.length : lineEnd + 1
    if (rest.startsWith('--')) return pieces
  }
  if (start >= 0) pieces.push(body.subarray(start))
  return pieces
}

/** The line end before a boundary belongs to the boundary. */
function lineBefore(body: Buffer, at: number): number {
  return at >= 2 && body[at - 2] === 0x0d ? at - 2 : at - 1
}

function decodeTransfer(body: Buffer, encoding: string): Buffer {
  if (/^\s*quoted-printable/i.test(encoding)) return decodeQuotedPrintable(body.toString('latin1'))
  if (/^\s*base64/i.test(encoding)) return decodeBase64(body.toString('latin1'))
  return body
}

/** Quoted-printable (also the Q encoding of headers, after its underscores): `=XX` is a byte, `=` at a line's end joins. */
export function decodeQuotedPrintable(text: string): Buffer {
  const joined = text
    .replace(/=[ \t]*(\r?\n|$)/g, '')
    .replace(/=([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(joined, 'latin1')
}

/** Base64 up to its padding or the first line that is none; mailing lists add their footer below, which is kept as it is. */
function decodeBase64(text: string): Buffer {
  const lines = text.split('\n')
  let end = lines.findIndex(line => !/^[A-Za-z0-9+/]*={0,2}\s*$/.test(line))
  if (end < 0) end = lines.length
  const padded = lines.findIndex(line => /=\s*$/.test(line))
  if (padded >= 0 && padded < end) end = padded + 1
  const footer = lines.slice(end).join('\n')
  const content = Buffer.from(lines.slice(0, end).join(''), 'base64')
  return footer.trim() === '' ? content : Buffer.concat([content, Buffer.from(`\n${footer}`, 'latin1')])
}
