/**
 * Words of English as the Stanford tokenizer (Penn Treebank's rules, CoreNLP 3.4.1) finds them, for captions: lower
 * case, and without the punctuation that pycocoevalcap leaves out. Written from the rules and from what the tokenizer
 * does; it has tables and rarer cases that are not here (emoticons, telephone numbers, file names, old entities).
 *
 * `isn't` is `is n't`, `cannot` is `can not`, `family's` is `family 's`; hyphens and slashes hold words together; the
 * point stays with abbreviations and single letters; pounds are `#` and every other currency `$`; brackets are
 * `-lrb-`, `-rrb-` and their like, and stay (the list of what is left out has them in capitals).
 */
export function captionWords(text: string): string[] {
  const words: string[] = []
  for (let at = 0; at < text.length; ) {
    const found = longestAt(text, at)
    at += found.length
    for (const word of found.words) if (!LEFT_OUT.has(word)) words.push(word.toLowerCase())
  }
  return words
}

const LEFT_OUT = new Set(["''", "'", '``', '`', '.', '?', '!', ',', ':', '-', '--', '...', ';'])

/** How a rule reads the text that it has matched; as it is where nothing is said. */
type Reading = (match: string) => string[]
type Rule = readonly [pattern: RegExp, reading?: Reading]

interface Found {
  readonly length: number
  readonly words: readonly string[]
}

/** The first contraction that matches, else the rule that matches most, else the character as a word of its own. */
function longestAt(text: string, at: number): Found {
  for (const rule of CONTRACTIONS) {
    const found = foundBy(rule, text, at)
    if (found !== undefined) return found
  }
  let best: Found | undefined
  for (const rule of RULES) {
    const found = foundBy(rule, text, at)
    if (found !== undefined && found.length > (best?.length ?? 0)) best = found
  }
  if (best !== undefined) return best
  const character = String.fromCodePoint(text.codePointAt(at)!)
  return { length: character.length, words: [character] }
}

function foundBy([pattern, reading]: Rule, text: string, at: number): Found | undefined {
  pattern.lastIndex = at
  const match = pattern.exec(text)?.[0]
  if (match === undefined) return undefined
  return { length: match.length, words: reading === undefined ? [match] : reading(match) }
}

// A letter, a letter or digit, an apostrophe.
const [L, A, Q] = ['[\\p{L}\\p{M}]', '[\\p{L}\\p{M}\\d]', "['\u2019\\x92]"]
const NUMBER = '(?:\\d+(?:[.:,]\\d+)*|[.:,]\\d+(?:[.:,]\\d+)*)'
const WORD = `${L}${A}*(?:[.!?]${L}${A}*)*`
const DIGITS = `\\d+${L}${A}*`
const HYPHENATED = `${A}[\\p{L}\\p{M}\\d.,]*(?:-${A}+)+`

const oneOf = (words: string) => `(?:${words.split(' ').join('|')})`

// Kept with their point: in any case; only before a number; only with a capital.
const ABBREVIATIONS =
  'jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thurs fri ala ariz calif colo conn ct dak ' +
  'fla ga ind kan kans ky md mich minn mo mont neb nev okla penn tenn va vt wis wisc wyo jr sr bros ph esq rd blvd ' +
  'sq st ste ave dr drs prof profs sen sens rep reps atty attys lt col gen messrs gov govs adm rev maj sgt cpl pvt ' +
  'mt capt cmdr comdr pres lieut hon brig pfc spc supt supts det mr mrs ms mme mlle inc co cos corp ltd plc bancorp ' +
  'dept bhd assn univ intl sys est etc vs al alex wm jos cie treas ft cf ext tel natl assoc invt seq'
const BEFORE_NUMBERS = 'pp no nos fig figs art prop op ca'
const CAPITALISED = 'Ark Del Ill La Mass Miss Ore Pa Tex Wash'
const STARTS =
  'A About After As At But He Her Here However If In It Last Many More Now Once One Other Our Since So Some Such That ' +
  'The Their Then There These They This We What When While Yet You'

const sticky = (source: string, flags = '') => new RegExp(source, `uy${flags}`)
const halves =
  (length: number): Reading =>
  match => [match.slice(0, length), match.slice(length)]
const as =
  (...words: string[]): Reading =>
  () =>
    words

const CONTRACTIONS: readonly Rule[] = [
  // What stands before n't, n't itself, and the other endings.
  [sticky(`[A-Za-z]+?(?=n${Q}t(?!${L}))`, 'i'), match => [match]],
  [sticky(`n${Q}t(?!${L})`, 'i'), as("n't")],
  [sticky(`${Q}(?:[msd]|re|ve|ll)(?!${A})`, 'i'), match => [`'${match.slice(1)}`]],
  // A single letter ends a sentence where such a word follows; else it is short for something.
  [sticky(`[A-Za-z](?=\\.\\s+${oneOf(STARTS)}(?!${A}))`)],
  [sticky('cannot(?!\\w)', 'i'), halves(3)],
  [sticky('(?:gonna|gotta|lemme|gimme|wanna)(?!\\w)', 'i'), halves(3)],
  [sticky(`${Q}t(?:is|was)(?!\\w)`, 'i'), match => ["'t", match.slice(2)]],
]

const RULES: readonly Rule[] = [
  [sticky('[\\s\\x00-\\x1f\\x85\u200b]+'), as()],
  // Apostrophes that belong to a word: o'clock, d'oeuvre, ma'am, 'n', 'em, '90s, y'all.
  [sticky(`[dlo]${Q}${L}${A}*`, 'i')],
  [sticky(`${L}+[aeiouy]${Q}[aeiou]${L}*`, 'i')],
  [sticky(`${Q}n${Q}`, 'i')],
  [sticky(`${Q}(?:n|em|till?|cause|[2-9]0s)(?!${A})`, 'i')],
  [sticky(`${Q}\\d\\d(?=\\s)`)],
  [sticky(`y${Q}(?=${L})`, 'i')],
  // Words, with a point or mark between them where no space is; then digits with letters.
  [sticky(WORD)],
  [sticky(DIGITS)],
  [sticky(`[A-Za-z0-9_]+(?:_[A-Za-z0-9_]*)+`)],
  [sticky(`[A-Z]+(?:[+&][A-Z]+)+`)],
  [sticky(HYPHENATED)],
  [sticky(`[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}(?:/[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}){1,2}`)],
  // Abbreviations and letters with points; any word keeps its point before other punctuation.
  [sticky(`(?:${WORD}|${DIGITS}|${HYPHENATED}|${NUMBER})\\.(?=[,;:])`)],
  [sticky(`[A-Za-z0-9](?:\\.[A-Za-z])+(?!${A})`)],
  [sticky(`[A-Za-z](?:\\.[A-Za-z])*\\.(?!${L}{2})`)],
  [sticky(`${oneOf(ABBREVIATIONS)}\\.`, 'i')],
  [sticky(`${oneOf(`${CAPITALISED} ${CAPITALISED.toUpperCase()}`)}\\.`)],
  [sticky(`(?:ph|ed)\\.d\\.`, 'i')],
  [sticky(`${oneOf(BEFORE_NUMBERS)}\\.(?=\\s*\\d)`, 'i')],
  // Numbers, amounts, fractions.
  [sticky(`[-+]?${NUMBER}`)],
  [sticky('\\d+-\\d+/\\d+')],
  [sticky('£'), as('#')],
  [sticky('[$€\x80]'), as('$')],
  [sticky('[A-Z]+\\$')],
  [sticky('¢'), as('cents')],
  [sticky('½'), as('1/2')],
  [sticky('¼'), as('1/4')],
  [sticky('¾'), as('3/4')],
  // Addresses, tags, names.
  [sticky('https?://[^\\s<>"]*[^\\s<>".,;:!?)]', 'i')],
  [sticky('[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\\.[A-Za-z0-9-]+)+')],
  [sticky('[#@][A-Za-z_]\\w*')],
  [sticky('</?[A-Za-z][^<>]*>')],
  [sticky('&amp;', 'i'), as('&')],
  [sticky('&lt;', 'i'), as('<')],
  [sticky('&gt;', 'i'), as('>')],
  // Punctuation.
  [sticky('\\.{3,}|\\.(?: \\.){2,}|…'), as('...')],
  [sticky('-{2,}|[–—―]+'), as('--')],
  [sticky('[!?]+')],
  [sticky('\\*+')],
  [sticky("[\"“”„«»]|``|''"), as("''")],
  [sticky(`[\`‘‚‹›]|${Q}`), as("'")],
  [sticky('[:;=]-?[()]'), match => [match.replace('(', '-lrb-').replace(')', '-rrb-')]],
  [sticky('[(]'), as('-lrb-')],
  [sticky('[)]'), as('-rrb-')],
  [sticky('\\['), as('-lsb-')],
  [sticky('\\]'), as('-rsb-')],
  [sticky('\\{'), as('-lcb-')],
  [sticky('\\}'), as('-rcb-')],
]
