import { ArgumentError } from '../errors.ts'

/**
 * How tags mark entities. `iob1`: `I-` inside, `B-` only where an entity follows another of its type. `bio2`: `B-` at every
 * start. `iobes`: `E-` at every end and `S-` for entities of one token too (also read as BILOU's `L-` and `U-`).
 */
export type TagScheme = 'iob1' | 'bio2' | 'iobes'

/** An entity: its type and its tokens, from `start` up to but not including `end`. */
export interface Entity {
  type: string
  start: number
  end: number
}

/** A tag taken apart: `B-LOC` is B and LOC; `B` alone has the type ''. */
export interface Tag {
  mark: 'O' | 'B' | 'I' | 'E' | 'S'
  type: string
}

/** What a strict scheme says of a tag after another; `same` is whether both have one type. */
interface Rules {
  marks: string
  begins(before: Tag, tag: Tag, same: boolean): boolean
  goesOn(before: Tag, tag: Tag): boolean
  ends(before: Tag, tag: Tag, same: boolean): boolean
}

/** BILOU's words for the same. */
const sameMarks: Readonly<Record<string, Tag['mark']>> = { L: 'E', U: 'S' }

const outside: Tag = { mark: 'O', type: '' }

/** seqeval's rules of its strict mode (seqeval 1.2.2, scheme.py), its patterns said as conditions. */
const schemes: Readonly<Record<TagScheme, Rules>> = {
  iob1: {
    marks: 'OBI',
    begins: (before, tag, same) =>
      tag.mark === 'I' ? before.mark !== 'I' || !same : tag.mark === 'B' && before.mark !== 'O' && same,
    goesOn: (_, tag) => tag.mark === 'I',
    ends: (before, tag, same) => tag.mark === 'O' || (tag.mark === 'I' ? !same : before.mark === 'I' || same),
  },
  bio2: {
    marks: 'OBI',
    begins: (_, tag) => tag.mark === 'B',
    goesOn: (_, tag) => tag.mark === 'I',
    ends: () => true,
  },
  iobes: {
    marks: 'OBIES',
    begins: (_, tag) => tag.mark === 'B' || tag.mark === 'S',
    goesOn: (before, tag) => (tag.mark === 'I' || tag.mark === 'E') && (before.mark === 'B' || before.mark === 'I'),
    ends: before => before.mark === 'E' || before.mark === 'S',
  },
}

/** What entities are read with. */
export interface EntityOptions {
  /** Read strictly by this scheme: what breaks it is no entity. Left out, tags are read as conlleval reads them. */
  scheme?: TagScheme | undefined
  /** What errors call the tags; an index is added. */
  where?: string | undefined
}

/**
 * The entities that tags mark, in order.
 *
 * Without a scheme they are read as conlleval does, which suits all schemes: an entity ends before O, B, S and before a tag
 * of another type, and after E and S (BILOU's L and U are read as these); it begins at B, at S, and at any I or E that
 * continues nothing. With a scheme an entity counts only where its tags follow it from start to end, as in seqeval's
 * strict mode.
 *
 * @example entitiesOf(['O', 'B-PER', 'I-PER', 'I-LOC']) // [{ type: 'PER', start: 1, end: 3 }, { type: 'LOC', start: 3, end: 4 }]
 * @throws ArgumentError for what is no tag, and for a mark that the scheme does not have.
 */
export function entitiesOf(tags: readonly string[], { scheme, where = 'tags' }: EntityOptions = {}): Entity[] {
  if (scheme === undefined) return readLeniently(tags.map((tag, index) => parseTag(tag, `${where}[${index}]`)))
  const rules = Object.hasOwn(schemes, scheme) ? schemes[scheme] : undefined
  if (rules === undefined) {
    throw new ArgumentError(
      'METRIC_SCHEME',
      `${where}: expected a scheme of ${Object.keys(schemes).join(', ')}, got ${JSON.stringify(scheme)}; name one of them`,
      { scheme },
    )
  }
  const parsed = tags.map((tag, index) => parseTag(tag, `${where}[${index}]`, scheme))
  return readStrictly(parsed, rules)
}

function readLeniently(tags: readonly Tag[]): Entity[] {
  const entities: Entity[] = []
  let open: Entity | undefined
  for (const [index, { mark, type }] of tags.entries()) {
    if (open !== undefined && (mark === 'I' || mark === 'E') && open.type === type) open.end = index + 1
    else {
      open = mark === 'O' ? undefined : { type, start: index, end: index + 1 }
      if (open !== undefined) entities.push(open)
    }
    if (mark === 'E' || mark === 'S') open = undefined
  }
  return entities
}

function readStrictly(tags: readonly Tag[], { begins, goesOn, ends }: Rules): Entity[] {
  const entities: Entity[] = []
  const at = (index: number): Tag => tags[index] ?? outside
  const isSame = (index: number) => at(index - 1).type === at(index).type
  for (let start = 0; start < tags.length; ) {
    if (!begins(at(start - 1), at(start), isSame(start))) {
      start++
      continue
    }
    let end = start + 1
    while (end < tags.length && isSame(end) && goesOn(at(end - 1), at(end))) end++
    if (ends(at(end - 1), at(end), isSame(end))) entities.push({ type: at(start).type, start, end })
    start = end
  }
  return entities
}

/**
 * Takes a tag apart; BILOU's L and U come as E and S.
 *
 * @throws ArgumentError for what is no tag, and for a mark that the scheme does not have.
 */
export function parseTag(tag: unknown, where: string, scheme?: TagScheme): Tag {
  const { marks } = scheme === undefined ? { marks: 'OBIESLU' } : schemes[scheme]
  const found = typeof tag === 'string' ? /^(?:(O)|([BIESLU])(?:-(.+))?)$/s.exec(tag) : null
  const mark = found?.[1] ?? found?.[2]
  if (found !== null && marks.includes(mark!)) {
    return { mark: (sameMarks[mark!] ?? mark) as Tag['mark'], type: found[3] ?? '' }
  }
  const kinds = scheme === 'iobes' || scheme === undefined ? 'O, B-LOC, I-LOC, E-LOC, S-LOC' : 'O, B-LOC, I-LOC'
  throw new ArgumentError(
    'METRIC_TAG',
    `${where}: expected a tag such as ${kinds}${scheme === undefined ? '' : ` (${scheme})`}, got ${JSON.stringify(tag) ?? String(tag)}; correct the tag`,
    { tag },
  )
}
