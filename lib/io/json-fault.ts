/** Where a JSON text is wrong, and how. */
export interface JsonFault {
  /** Offset in UTF-16 units. */
  readonly position: number
  readonly problem: string
}

const literals = ['true', 'false', 'null']
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y

/**
 * Finds the first fault of a JSON text: a syntax error, or a key given twice in one object. JSON.parse lets the second
 * pass (the last one wins) and often names no position for the first. Nesting is kept on a list, not on the call stack,
 * so that no input can overflow it.
 */
export function findJsonFault(text: string): JsonFault | undefined {
  const open: (Set<string> | undefined)[] = [] // keys of each open object, undefined for an open array
  let at = 0

  const skipSpace = () => {
    while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at++
  }
  const fault = (expected: string): JsonFault => {
    const got = at < text.length ? JSON.stringify(String.fromCodePoint(text.codePointAt(at)!)) : 'the end of the text'
    return { position: at, problem: `expected ${expected}, got ${got}` }
  }
  /** Passes a string; false leaves `at` on the character that is wrong. */
  const passString = (): boolean => {
    if (text[at] !== '"') return false
    for (at++; at < text.length; at++) {
      const character = text[at]!
      if (character === '"') {
        at++
        return true
      }
      if (character < ' ') return false
      if (character !== '\\') continue
      const escaped = text[at + 1] ?? ''
      if (escaped === 'u' && /^[0-9a-fA-F]{4}$/.test(text.slice(at + 2, at + 6))) at += 5
      else if (escaped !== '' && '"\\/bfnrt'.includes(escaped)) at++
      else return false
    }
    return false
  }
  /** Passes a key and its colon, and remembers the key. */
  const passKey = (): JsonFault | undefined => {
    skipSpace()
    const start = at
    if (!passString()) return fault('a key in double quotes')
    const key = JSON.parse(text.slice(start, at)) as string
    const keys = open.at(-1)!
    if (keys.has(key)) return { position: start, problem: `the key ${JSON.stringify(key)} is given twice` }
    keys.add(key)
    skipSpace()
    if (text[at] !== ':') return fault('":" after the key')
    at++
    return undefined
  }

  while (true) {
    skipSpace() // a value is next
    if (text[at] === '{' || text[at] === '[') {
      const isObject = text[at] === '{'
      at++
      skipSpace()
      if (text[at] === (isObject ? '}' : ']')) {
        at++
      } else {
        open.push(isObject ? new Set() : undefined)
        const keyFault = isObject ? passKey() : undefined
        if (keyFault) return keyFault
        continue
      }
    } else if (text[at] === '"') {
      if (!passString()) return fault('a closed string')
    } else {
      const literal = literals.find(word => text.startsWith(word, at))
      number.lastIndex = at
      const length = literal?.length ?? number.exec(text)?.[0].length
      if (length === undefined) return fault('a value')
      at += length
    }

    while (true) {
      skipSpace() // a value has ended
      if (open.length === 0) return at < text.length ? fault('the end of the text') : undefined
      const keys = open.at(-1)
      if (text[at] === ',') {
        at++
        const keyFault = keys ? passKey() : undefined
        if (keyFault) return keyFault
        break
      }
      if (text[at] !== (keys ? '}' : ']')) return fault(keys ? '"," or "}"' : '"," or "]"')
      at++
      open.pop()
    }
  }
}
