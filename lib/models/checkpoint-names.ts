import { toDiskName, toModulePath } from '../io/index.ts'
import type { ModelFamily } from './family.ts'

/** What a checkpoint's names stand for in a model. */
export interface NamePlan {
  /** Module path of a parameter, and the name of its tensor in the checkpoint. */
  readonly sources: ReadonlyMap<string, string>
  /** Names in the checkpoint that are left out, by a rule that says so. */
  readonly ignored: readonly string[]
}

/** Heads of this and of other tasks; a new head replaces them all. */
const heads = /^(classifier|pre_classifier|qa_outputs|score|lm_head)\./

/**
 * Translates the names of a checkpoint into paths of a model. Besides the rule of `toModulePath` there are exactly these
 * allowances: a checkpoint of the encoder alone lacks the family's prefix; layer norms of checkpoints that once came from
 * TensorFlow have gamma and beta; the family's `renamed` and `ignorable` names; and, where `newHead` asks for it, any head.
 *
 * @param unused patterns of names that are ignored beside the family's `ignorable`
 */
export function planNames(
  names: Iterable<string>,
  family: Pick<ModelFamily, 'prefix' | 'ignorable' | 'renamed'>,
  newHead: boolean,
  unused: readonly RegExp[] = [],
): NamePlan {
  const all = [...names]
  const prefix = `${family.prefix}.`
  const encoderAlone = !all.some(name => name.startsWith(prefix))
  const sources = new Map<string, string>()
  const ignored: string[] = []
  for (const name of all) {
    const isHead = heads.test(name)
    const old = encoderAlone && !isHead && !family.ignorable.some(pattern => pattern.test(name)) ? prefix + name : name
    const full = family.renamed?.(old) ?? old
    if ([...family.ignorable, ...unused].some(pattern => pattern.test(full)) || (newHead && isHead)) {
      ignored.push(name)
      continue
    }
    const modern = full.replace(/LayerNorm\.gamma$/, 'LayerNorm.weight').replace(/LayerNorm\.beta$/, 'LayerNorm.bias')
    const path = toModulePath(modern)
    // Two names for one parameter, or a name that only looks like ours: left as it is, so that it is reported.
    const isOurs = toDiskName(path) === modern && !sources.has(path)
    sources.set(isOurs ? path : `${name} (not a name of this model)`, name)
  }
  return { sources, ignored }
}
