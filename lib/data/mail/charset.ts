/** What had to be guessed or could not be read while mails were decoded. */
export interface DecodingCounts {
  /** Parts with bytes above 127 and no charset (or us-ascii) that are no UTF-8, read as windows-1252. */
  undeclared: number
  /** Parts that name a charset nobody knows, read as windows-1252. */
  unknown: number
  /** Parts whose bytes do not fit the charset they name: UTF-8 is read as windows-1252, others keep U+FFFD. */
  damaged: number
}

export function noCounts(): DecodingCounts {
  return { undeclared: 0, unknown: 0, damaged: 0 }
}

/** Bytes to text by the charset a mail names. Every mail gives some text; what was guessed is counted. */
export function decodeBytes(bytes: Uint8Array, charset: string | undefined, counts: DecodingCounts): string {
  const name = charset?.trim().toLowerCase() ?? ''
  if (name === '' || name === 'us-ascii' || name === 'ascii') {
    const text = tryDecode(bytes, 'utf-8')
    if (text !== undefined) return text
    counts.undeclared++
    return windows1252(bytes)
  }
  const label = labelOf(name)
  if (label === undefined) {
    counts.unknown++
    return windows1252(bytes)
  }
  if (label === 'windows-1252') return windows1252(bytes)
  const text = tryDecode(bytes, label)
  if (text !== undefined) return text
  counts.damaged++
  return label === 'utf-8' ? windows1252(bytes) : new TextDecoder(label).decode(bytes)
}

/** The encoding standard's name for a charset; undefined where it has none. */
function labelOf(name: string): string | undefined {
  try {
    return new TextDecoder(name).encoding
  } catch {
    return undefined
  }
}

function tryDecode(bytes: Uint8Array, label: string): string | undefined {
  try {
    return new TextDecoder(label, { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

// What windows-1252 has at 0x80 to 0x9f; the five holes keep their own number.
const upper = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ'

/** Node's own decoder takes windows-1252 for latin1 in several releases (0x92 becomes a control character). */
export function windows1252(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('latin1')
    .replace(/[\x80-\x9f]/g, letter => upper[letter.charCodeAt(0) - 0x80]!)
}
