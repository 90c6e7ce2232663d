import { ArgumentError, DataError } from '../errors.ts'
import { type Entity, parseTag, entitiesOf as readEntities, type Tag, type TagScheme } from '../metrics/entities.ts'

export type { Entity, TagScheme }

/** What to do with tags that no entity could have, an `I-LOC` after `B-PER` in `bio2` say. */
export interface TagOptions {
  /** `repair` (unless given) reads them as conlleval does; `error` refuses them, for which `scheme` is needed. */
  invalid?: 'repair' | 'error' | undefined
  /** The scheme of the tags given. Without `invalid: 'error'` all three are read alike. */
  scheme?: TagScheme | undefined
  /** What errors call the tags; an index is added. */
  where?: string | undefined
}

/**
 * The entities that tags mark, in order.
 *
 * Read as the evaluation script of CoNLL (conlleval) does, by the same code that scores them (`metrics/entities.ts`): tags
 * that break their scheme are not lost, `O I-LOC` begins an entity. (conlleval itself has no S, and lets an entity go on
 * from E to B; there this is as seqeval does it.)
 *
 * @throws DataError for what is no tag at all, and with `invalid: 'error'` for the first tag that the scheme forbids.
 */
export function entitiesOf(tags: readonly string[], options: TagOptions = {}): Entity[] {
  const parsed = tags.map((tag, index) => readTag(tag, options.where ?? 'tags', index))
  if (options.invalid === 'error') refuseInvalid(tags, parsed, options)
  return readEntities(tags)
}

/**
 * Tags with `B-` at every start of an entity, `I-` inside.
 *
 * @throws DataError as `entitiesOf`.
 */
export function toBio2(tags: readonly string[], options: TagOptions = {}): string[] {
  return write(tags, options, (_entity, first) => (first ? 'B' : 'I'))
}

/**
 * Tags with `I-` in entities, and `B-` only where an entity follows another of the same type without a gap.
 *
 * @throws DataError as `entitiesOf`.
 */
export function toIob1(tags: readonly string[], options: TagOptions = {}): string[] {
  return write(tags, options, (entity, first, _last, before) =>
    first && before?.end === entity.start && before.type === entity.type ? 'B' : 'I',
  )
}

/**
 * Tags with `B-`, `I-`, `E-` for the first, inner and last token of an entity, `S-` for an entity of one token.
 *
 * @throws DataError as `entitiesOf`.
 */
export function toIobes(tags: readonly string[], options: TagOptions = {}): string[] {
  return write(tags, options, (_entity, first, last) => (first ? (last ? 'S' : 'B') : last ? 'E' : 'I'))
}

/** Whether every tag could mark entities: `O`, or B, I, E, S (L, U) with a type; parts of speech could not. */
export function areEntityTags(tags: Iterable<string>): boolean {
  for (const tag of tags) if (!/^(O|[BIESLU]-.+)$/s.test(tag)) return false
  return true
}

type Choose = (entity: Entity, first: boolean, last: boolean, before: Entity | undefined) => string

function write(tags: readonly string[], options: TagOptions, choose: Choose): string[] {
  const written = tags.map(() => 'O')
  let before: Entity | undefined
  for (const entity of entitiesOf(tags, options)) {
    for (let at = entity.start; at < entity.end; at++) {
      const mark = choose(entity, at === entity.start, at === entity.end - 1, before)
      written[at] = entity.type === '' ? mark : `${mark}-${entity.type}`
    }
    before = entity
  }
  return written
}

/** As `parseTag`; what is no tag is here a fault of the data. */
function readTag(tag: string, where: string, index: number): Tag {
  try {
    return parseTag(tag, `${where}[${index}]`)
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error
    throw new DataError('DATA_TAG', error.message, { where, index, tag }, { cause: error })
  }
}

function refuseInvalid(tags: readonly string[], parsed: readonly Tag[], options: TagOptions): void {
  const { scheme, where = 'tags' } = options
  if (scheme !== 'iob1' && scheme !== 'bio2' && scheme !== 'iobes') {
    throw new ArgumentError(
      'DATA_TAG_SCHEME',
      `${where}: expected a scheme (iob1, bio2, iobes) with invalid: 'error', got ${String(scheme)}; say which one the tags are in`,
      { scheme },
    )
  }
  for (let index = 0; index <= tags.length; index++) {
    const fault = forbidden(scheme, parsed[index - 1], parsed[index])
    if (fault === undefined) continue
    const before = index === 0 ? 'the start' : tags[index - 1]
    const got = index === tags.length ? `the end after ${before}` : `${tags[index]} after ${before}`
    throw new DataError(
      'DATA_TAG_ORDER',
      `${where}[${index}]: expected tags of the scheme ${scheme}, got ${got} (${fault}); correct the tags, or leave out ` +
        "invalid: 'error' to have them read as conlleval does",
      { where, index, tag: tags[index], before: tags[index - 1], scheme },
    )
  }
}

/** Why a scheme does not allow a tag (none: the end) after another (none: the start); undefined where it does. */
function forbidden(scheme: TagScheme, before: Tag | undefined, tag: Tag | undefined): string | undefined {
  const same = before !== undefined && before.mark !== 'O' && before.type === tag?.type
  if (scheme === 'iobes') {
    const open = before?.mark === 'B' || before?.mark === 'I'
    const inner = tag?.mark === 'I' || tag?.mark === 'E'
    if (open && !(inner && same)) return 'the entity before it has no E'
    return inner && !open ? 'no entity is open' : undefined
  }
  if (tag?.mark === 'E' || tag?.mark === 'S') return `${scheme} has no E and S`
  if (scheme === 'bio2') return tag?.mark === 'I' && !same ? 'an entity begins with B' : undefined
  return tag?.mark === 'B' && !same ? 'B stands only after an entity of the same type' : undefined
}
