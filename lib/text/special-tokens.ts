import { asObject, type JsonObject } from './files.ts'

/** The parts a token can play, by their names in Hugging Face files (`cls_token` and so on). */
export const roles = ['bos', 'eos', 'unk', 'sep', 'pad', 'cls', 'mask'] as const
export type Role = (typeof roles)[number]

/** A special token as a file declares it. */
export interface DeclaredToken {
  content: string
  lstrip: boolean
  rstrip: boolean
  singleWord: boolean
  normalized: boolean
}

/** Names by convention, for a role that no file speaks of. */
const customary: Record<Role, string[]> = {
  bos: ['<s>'],
  eos: ['</s>', '<eos>'],
  unk: ['[UNK]', '<unk>'],
  sep: ['[SEP]', '</s>'],
  pad: ['[PAD]', '<pad>'],
  cls: ['[CLS]', '<s>', '<cls>'],
  mask: ['[MASK]', '<mask>'],
}

/** What the files declare for each role, the first file first; a role declared as null is null, others are absent. */
export function declaredTokens(...files: (JsonObject | undefined)[]): Map<Role, DeclaredToken | null> {
  const declared = new Map<Role, DeclaredToken | null>()
  for (const role of roles) {
    for (const file of files) {
      const value = file?.[`${role}_token`]
      if (value === undefined) continue
      declared.set(role, declaredToken(value))
      break
    }
  }
  return declared
}

/** Reads one declaration: the token itself, or an object with `content` and how it is matched. */
export function declaredToken(value: unknown): DeclaredToken | null {
  const object = asObject(value) ?? { content: value }
  if (typeof object.content !== 'string' || object.content === '') return null
  return {
    content: object.content,
    lstrip: object.lstrip === true,
    rstrip: object.rstrip === true,
    singleWord: object.single_word === true,
    normalized: object.normalized === true,
  }
}

/** The token of each role, where it is declared or customary and in the vocabulary. */
export function tokensByRole(
  declared: ReadonlyMap<Role, DeclaredToken | null>,
  isKnown: (token: string) => boolean,
): Partial<Record<Role, string>> {
  const tokens: Partial<Record<Role, string>> = {}
  for (const role of roles) {
    const declaration = declared.get(role)
    const candidates = declaration === undefined ? customary[role] : declaration === null ? [] : [declaration.content]
    const token = candidates.find(isKnown)
    if (token !== undefined) tokens[role] = token
  }
  return tokens
}
