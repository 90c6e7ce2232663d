import { ArgumentError } from '../errors.ts'
import { toDiskName } from '../io/index.ts'
import { Embedding, Linear, type Module } from '../nn/index.ts'
import { isPlainLayer, type PlainLayer } from './plain-layer.ts'

/**
 * Which layers are adapted (`Linear`, `Conv1D`, `Embedding`), told as PEFT is told: a list of names, each the end of a layer's path (`query`,
 * `attention.self.value`); or one regular expression for the whole path; or `'all-linear'`. Paths are the checkpoint's
 * (`bert.encoder.layer.0.attention.self.query`).
 */
export type TargetModules = string | readonly string[]

/** Ends of the names that heads of sequence classifiers have in checkpoints (`pre_classifier` too); those there are the model's. */
const HEAD_NAMES = ['classifier', 'score']
/** Path of a language model's output. */
const OUTPUT = 'lmHead'

/**
 * Paths of the modules that are trained in full beside the adapters, outermost first.
 *
 * @param names ends of paths, within a name too, as PEFT reads `modules_to_save`; left out, the usual names of a classifier
 * @throws ArgumentError for a name that no module has
 */
export function findHead(model: Module, names?: readonly string[]): string[] {
  const paths = model.namedModules().map(([path]) => path)
  const found = (names ?? HEAD_NAMES).flatMap(name => {
    const matching = paths.filter(path => path.endsWith(name) || toDiskName(path).endsWith(name))
    // PEFT lists both usual names whatever the model has.
    if (matching.length === 0 && !HEAD_NAMES.includes(name)) throw noMatch('head', name, paths)
    return matching
  })
  return paths.filter(path => found.includes(path) && !found.some(outer => isInside(path, outer) && path !== outer))
}

/**
 * The layers that `targetModules` names, with their paths, in the model's order. The head is never among them: it is
 * trained in full. `'all-linear'` leaves out embeddings and the output of a language model, as PEFT does.
 *
 * @param head paths of head modules, from `findHead`
 * @throws ArgumentError where a name or the expression matches no layer, with the nearest names there are
 */
export function findTargets(
  model: Module,
  targetModules: TargetModules,
  head: readonly string[],
): [path: string, layer: PlainLayer][] {
  const layers = model.namedModules().filter((entry): entry is [string, PlainLayer] => isPlainLayer(entry[1]))
  const candidates = layers.filter(([path]) => !head.some(outer => isInside(path, outer)))
  const names = typeof targetModules === 'string' ? [targetModules] : [...targetModules]
  if (names.length === 0)
    throw new ArgumentError(
      'ADAPTER_TARGET',
      "targetModules: expected at least one name, got none; name layers or take 'all-linear'",
    )
  if (names.length === 1 && names[0]!.toLowerCase() === 'all-linear')
    return candidates.filter(([path, layer]) => !(layer instanceof Embedding) && path !== OUTPUT)

  const isMatch = typeof targetModules === 'string' ? expression(targetModules) : endsWith
  for (const name of names) {
    if (candidates.some(([path]) => isMatch(path, name))) continue
    const inHead = layers.find(([path]) => isMatch(path, name))
    if (inHead) {
      throw new ArgumentError(
        'ADAPTER_TARGET',
        `targetModules: expected layers beside the head, got '${name}', which is ${toDiskName(inHead[0])}; the head is trained in full, leave it out`,
        { name },
      )
    }
    throw noMatch(
      'targetModules',
      name,
      candidates.map(([path]) => path),
    )
  }
  return candidates.filter(([path]) => names.some(name => isMatch(path, name)))
}

/** Whether a path is a module or lies in it. */
export function isInside(path: string, module: string): boolean {
  return path === module || path.startsWith(module + '.')
}

/** Whether a path, as it is here or in checkpoints, ends with a name at a dot. */
function endsWith(path: string, name: string): boolean {
  return [path, toDiskName(path)].some(spelling => spelling === name || spelling.endsWith('.' + name))
}

function expression(source: string): (path: string) => boolean {
  let whole: RegExp
  try {
    whole = new RegExp(`^(?:${source})$`, 's')
  } catch (error) {
    throw new ArgumentError(
      'ADAPTER_TARGET',
      `targetModules: expected a list of names, 'all-linear' or a regular expression, got '${source}' (${(error as Error).message})`,
      { source },
      { cause: error },
    )
  }
  return path => whole.test(toDiskName(path))
}

function noMatch(where: string, name: string, paths: readonly string[]): ArgumentError {
  const ends = new Set(
    paths.filter(path => path !== '').flatMap(path => [lastName(toDiskName(path)), toDiskName(path)]),
  )
  const nearest = [...ends]
    .map(end => [distance(end, name), end] as const)
    .sort(([a, x], [b, y]) => a - b || x.length - y.length || (x < y ? -1 : 1))
  const shown = nearest.slice(0, 5).map(([, end]) => end)
  return new ArgumentError(
    'ADAPTER_TARGET',
    `${where}: expected the name of a module, got '${name}', which matches none; the nearest are ${shown.join(', ') || 'none at all'}`,
    { name, nearest: shown },
  )
}

/** `query` of `...self.query`, but `0.query` where the last part alone says nothing. */
function lastName(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1)
}

/** How many letters must be changed, added or taken away (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}

/**
 * The same for methods that know linear layers alone.
 *
 * @throws ArgumentError for a layer of another kind
 */
export function findLinear(
  model: Module,
  targetModules: TargetModules,
  head: readonly string[],
): [path: string, layer: Linear][] {
  return findTargets(model, targetModules, head).map(([path, layer]) => {
    if (layer instanceof Linear) return [path, layer]
    throw new ArgumentError(
      'ADAPTER_TARGET',
      `targetModules: expected linear layers for this method, got ${toDiskName(path)}, a ${layer.constructor.name}; take lora, rslora, dora or bidora`,
      { path },
    )
  })
}
