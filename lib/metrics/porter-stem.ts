/**
 * Stem of a lower-case English word by Porter's algorithm (1980) with the changes of NLTK's stemmer, which rouge-score
 * uses: a few irregular words, `-ies` and `-ied` of four letters to `-ie`, `y` to `i` only after a consonant, `-alli`
 * taken off before the rest of step 2, `-fulli` and `-logi`, and two letters (vowel, consonant) ending as if short.
 */
export function porterStem(word: string): string {
  const irregular = IRREGULAR.get(word)
  if (irregular !== undefined) return irregular
  if (word.length <= 2) return word
  const inflected = step1c(step1b(step1a(word)))
  return step5(apply(STEP_4, apply(STEP_3, step2(inflected))))
}

const IRREGULAR = new Map([
  ['skies', 'sky'],
  ['dying', 'die'],
  ['lying', 'lie'],
  ['tying', 'tie'],
  ['innings', 'inning'],
  ['outings', 'outing'],
  ['cannings', 'canning'],
  ...['sky', 'news', 'inning', 'outing', 'canning', 'howe', 'proceed', 'exceed', 'succeed'].map(
    word => [word, word] as const,
  ),
])

/** Suffix, what takes its place, and when; the first suffix that fits decides, whether its condition holds or not. */
type Rule = readonly [suffix: string, replacement: string, condition?: (stem: string) => boolean]

function apply(rules: readonly Rule[], word: string): string {
  const rule = rules.find(([suffix]) => word.endsWith(suffix))
  if (rule === undefined) return word
  const [suffix, replacement, condition] = rule
  const stem = word.slice(0, word.length - suffix.length)
  return condition === undefined || condition(stem) ? stem + replacement : word
}

/** Whether each letter is a consonant; `y` is one at the start and after a vowel. */
function consonants(word: string): boolean[] {
  const flags: boolean[] = []
  for (const letter of word) {
    const before = flags.at(-1)
    flags.push(letter === 'y' ? before !== true : !'aeiou'.includes(letter))
  }
  return flags
}

/** How often a vowel is followed by a consonant: m in [C](VC)^m[V]. */
function measure(word: string): number {
  const flags = consonants(word)
  return flags.filter((isConsonant, i) => isConsonant && flags[i - 1] === false).length
}

const hasMeasure = (stem: string) => measure(stem) > 0
const isLong = (stem: string) => measure(stem) > 1
const hasVowel = (stem: string) => consonants(stem).includes(false)

/** Ends as a short syllable does: consonant, vowel, consonant other than w, x, y; or is a vowel and a consonant. */
function endsShort(word: string): boolean {
  const flags = consonants(word)
  if (word.length === 2) return !flags[0]! && flags[1]!
  const [first, second, third] = flags.slice(-3)
  return word.length > 2 && first! && !second! && third! && !/[wxy]$/.test(word)
}

function endsDouble(word: string): boolean {
  return word.length > 1 && word.at(-1) === word.at(-2) && consonants(word).at(-1)!
}

function step1a(word: string): string {
  if (word.length === 4 && word.endsWith('ies')) return word.slice(0, -1)
  return apply(
    [
      ['sses', 'ss'],
      ['ies', 'i'],
      ['ss', 'ss'],
      ['s', ''],
    ],
    word,
  )
}

function step1b(word: string): string {
  if (word.endsWith('ied')) return word.slice(0, word.length === 4 ? -1 : -2)
  if (word.endsWith('eed')) return hasMeasure(word.slice(0, -3)) ? word.slice(0, -1) : word
  const suffix = ['ed', 'ing'].find(end => word.endsWith(end) && hasVowel(word.slice(0, -end.length)))
  if (suffix === undefined) return word
  const stem = word.slice(0, -suffix.length)
  if (/(at|bl|iz)$/.test(stem)) return `${stem}e`
  if (endsDouble(stem)) return /[lsz]$/.test(stem) ? stem : stem.slice(0, -1)
  return measure(stem) === 1 && endsShort(stem) ? `${stem}e` : stem
}

function step1c(word: string): string {
  return apply([['y', 'i', stem => stem.length > 1 && consonants(stem).at(-1)!]], word)
}

function step2(word: string): string {
  if (word.endsWith('alli') && hasMeasure(word.slice(0, -4))) return step2(word.slice(0, -2))
  return apply(STEP_2, word)
}

function step5(word: string): string {
  const stem = word.slice(0, -1)
  const short = word.endsWith('e') && (isLong(stem) || (measure(stem) === 1 && !endsShort(stem))) ? stem : word
  return short.endsWith('ll') && isLong(short.slice(0, -1)) ? short.slice(0, -1) : short
}

const table = (condition: (stem: string) => boolean, pairs: string): Rule[] =>
  pairs.split(' ').map(pair => {
    const [suffix, replacement] = pair.split(':')
    return [suffix!, replacement!, condition]
  })

const STEP_2: readonly Rule[] = [
  ...table(
    hasMeasure,
    'ational:ate tional:tion enci:ence anci:ance izer:ize bli:ble alli:al entli:ent eli:e ousli:ous',
  ),
  ...table(
    hasMeasure,
    'ization:ize ation:ate ator:ate alism:al iveness:ive fulness:ful ousness:ous aliti:al iviti:ive',
  ),
  ...table(hasMeasure, 'biliti:ble fulli:ful'),
  // The l counts as part of the stem, so that geo- and theo- do as archaeo- does.
  ['logi', 'log', stem => hasMeasure(`${stem}l`)],
]

const STEP_3: readonly Rule[] = table(hasMeasure, 'icate:ic ative: alize:al iciti:ic ical:ic ful: ness:')

const STEP_4: readonly Rule[] = [
  ...table(isLong, 'al: ance: ence: er: ic: able: ible: ant: ement: ment: ent:'),
  ['ion', '', stem => isLong(stem) && /[st]$/.test(stem)],
  ...table(isLong, 'ou: ism: ate: iti: ous: ive: ize:'),
]
