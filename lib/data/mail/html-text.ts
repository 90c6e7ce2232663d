import { windows1252 } from './charset.ts'

// Elements that begin a new line, those that only separate words, and those whose content is no text.
const lines = new Set(
  'address blockquote body br center dd div dl dt fieldset form h1 h2 h3 h4 h5 h6 head hr html li ol option p pre table tbody tr ul'.split(
    ' ',
  ),
)
const gaps = new Set('img input td th'.split(' '))
const silent = new Set('script style title'.split(' '))

/**
 * The text of an HTML page without its tags: scripts, styles and comments are dropped, blocks begin new lines, character
 * references are decoded, white space is folded. It makes one pass, so that no page, however broken, takes long.
 */
export function htmlToText(html: string): string {
  const endless = new Set<string>()
  let out = ''
  let at = 0
  while (at < html.length) {
    const open = html.indexOf('<', at)
    if (open < 0) break
    out += fold(html.slice(at, open))
    const tag = /^<(?:[/!?]?([a-z][a-z0-9]*)|(!--))/i.exec(html.slice(open, open + 24))
    const name = (tag?.[1] ?? tag?.[2] ?? '').toLowerCase()
    if (name === '' && !/[/!?]/.test(html[open + 1] ?? '')) {
      out += '<' // a lone one is text
      at = open + 1
      continue
    }
    const close = html.indexOf('>', open)
    if (close < 0) return tidy(out) // never closed: it takes the rest of the page with it, as in a browser
    const hidden = name === '!--' || (silent.has(name) && html[open + 1] !== '/')
    at = (hidden ? endOf(html, name, open, endless) : undefined) ?? close + 1
    out += lines.has(name) ? '\n' : gaps.has(name) ? ' ' : ''
  }
  return tidy(out + fold(html.slice(at)))
}

const ends: Readonly<Record<string, RegExp>> = {
  '!--': /-->/g,
  script: /<\/script/gi,
  style: /<\/style/gi,
  title: /<\/title/gi,
}

/** Where a comment or silent element ends; undefined where it has no end, which is looked for once only. */
function endOf(html: string, name: string, from: number, endless: Set<string>): number | undefined {
  if (endless.has(name)) return undefined
  const pattern = ends[name]!
  pattern.lastIndex = from
  const found = pattern.exec(html)
  if (found !== null) return name === '!--' ? pattern.lastIndex : found.index
  endless.add(name)
  return undefined
}

/** White space of the source is one space; only tags begin lines. */
function fold(text: string): string {
  return decodeReferences(text.replace(/\s+/g, ' '))
}

function tidy(text: string): string {
  return text
    .replace(/[ \t\u00a0]+/g, ' ')
    .replace(/ ?\n ?/g, '\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim()
}

// ISO 8859-1 from 160 to 255 in order, which are the references that are decoded without a `;` too.
const latin1 =
  'nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml'
const named = new Map<string, string>(latin1.split(' ').map((name, i) => [name, String.fromCharCode(160 + i)]))
for (const pair of 'amp& lt< gt> quot" apos\' ndash– mdash— lsquo‘ rsquo’ sbquo‚ ldquo“ rdquo” bdquo„ hellip… bull• trade™ euro€ dagger† Dagger‡ permil‰ lsaquo‹ rsaquo› OEligŒ oeligœ ScaronŠ scaronš YumlŸ fnofƒ circˆ tilde˜ minus− larr← rarr→ hearts♥ AMP& LT< GT> QUOT" COPY© REG®'.split(
  ' ',
)) {
  const name = /^[A-Za-z]+/.exec(pair)![0]
  if (pair.length > name.length) named.set(name, pair.slice(name.length))
}

/** Character references to characters; what is none stays as it is. */
export function decodeReferences(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]{1,8})|#(\d{1,9})|([a-z][a-z0-9]{1,7}));?/gi, (whole, hex, decimal, name) => {
    if (name !== undefined) return named.get(name) ?? whole
    return character(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16))
  })
}

function character(code: number): string {
  // Pages that were written in windows-1252 number its letters so.
  if (code >= 0x80 && code <= 0x9f) return windows1252(Uint8Array.of(code))
  if (code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return '\ufffd'
  return String.fromCodePoint(code)
}
