import { type BidoraError, ConfigError, DataError } from '../errors.ts'
import type { TokenExample } from './examples.ts'
import { labelSet, unknownLabel } from './labels.ts'
import { areEntityTags, type TagScheme, toBio2 } from './tag-schemes.ts'

/** How the tags of a file are understood. */
export interface TagReading {
  /** Told the scheme once it is known. */
  onScheme?: ((scheme: TagScheme | 'plain') => void) | undefined
  /**
   * Entity tags of any of the three schemes become BIO2; `plain` leaves tags (parts of speech, say) as they are. Unless
   * given it is told by the first 1,000 sentences.
   */
  scheme?: TagScheme | 'plain' | undefined
  /** `repair` (unless given) reads tags that their scheme forbids as conlleval does; `error` takes the row for a bad one. */
  invalidTags?: 'repair' | 'error' | undefined
  /** The only label names allowed (of entity tags those of BIO2); any where not given. */
  labels?: readonly string[] | undefined
}

export const tagSchemes = ['iob1', 'bio2', 'iobes', 'plain'] as const

type Outcome = { line: number; row: TokenExample } | { line: number; error: BidoraError }

const sample = 1000 // sentences

/**
 * Sentences with their entity tags as BIO2. Sentences that stand before the scheme is known are held back, up to 1,000.
 *
 * @throws ConfigError where the scheme is none.
 */
export async function* readTags<O extends Outcome>(
  file: string,
  sentences: AsyncIterable<O>,
  options: TagReading,
): AsyncGenerator<O> {
  let scheme = checkScheme(file, options.scheme)
  let held: O[] = []
  for await (const sentence of sentences) {
    if (scheme !== undefined) yield converted(file, sentence, scheme, options)
    else if (held.push(sentence) === sample) {
      scheme = guessScheme(held)
      options.onScheme?.(scheme)
      for (const each of held) yield converted(file, each, scheme, options)
      held = []
    }
  }
  if (scheme === undefined) {
    scheme = guessScheme(held)
    options.onScheme?.(scheme)
  }
  for (const each of held) yield converted(file, each, scheme, options)
}

/**
 * The scheme that sentences are tagged in: `plain` where most hold tags that mark no entity, `iobes` where a tag is E or S,
 * `iob1` where more entities begin with I than with B away from others of their type.
 */
export function guessScheme(sentences: readonly ({ row: TokenExample } | object)[]): TagScheme | 'plain' {
  let [ends, begun, inside, others] = [0, 0, 0, 0]
  for (const sentence of sentences) {
    if (!('row' in sentence)) continue
    const { labels } = sentence.row
    if (!areEntityTags(labels)) others++
    for (const [index, tag] of labels.entries()) {
      if (/^[ESLU]/.test(tag)) ends++
      if (tag === 'O' || labels[index - 1]?.slice(1) === tag.slice(1)) continue
      if (tag.startsWith('B')) begun++
      if (tag.startsWith('I')) inside++
    }
  }
  // A few other tags among entity tags are slips, to be named as such.
  if (others > sentences.length / 2) return 'plain'
  return ends > 0 ? 'iobes' : inside > begun ? 'iob1' : 'bio2'
}

function converted<O extends Outcome>(file: string, outcome: O, scheme: TagScheme | 'plain', options: TagReading): O {
  if ('error' in outcome) return outcome
  const { line, row } = outcome
  const where = `${file}:${line}: label`
  try {
    const labels = scheme === 'plain' ? row.labels : toBio2(row.labels, { scheme, invalid: options.invalidTags, where })
    const known = options.labels
    const at = known === undefined ? -1 : labels.findIndex(label => !known.includes(label))
    if (at >= 0) throw unknownLabel(`${where}[${at}]`, labels[at]!, labelSet(known!))
    return { ...outcome, row: { ...row, labels } }
  } catch (error) {
    if (!(error instanceof DataError)) throw error
    Object.assign(error.details, { file, line })
    return { line, error } as O
  }
}

function checkScheme(file: string, scheme: string | undefined): TagReading['scheme'] {
  if (scheme === undefined || (tagSchemes as readonly string[]).includes(scheme)) return scheme as TagReading['scheme']
  throw new ConfigError(
    'DATA_TAG_SCHEME',
    `${file}: expected scheme to be one of ${tagSchemes.join(', ')}, got '${scheme}'; leave it out to have it told by the tags`,
    { key: 'scheme', allowed: tagSchemes },
  )
}
