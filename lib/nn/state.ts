import { noGrad } from '../autograd/index.ts'
import { FormatError } from '../errors.ts'
import { copy_ } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'
import type { Module } from './module.ts'

/** All that a module has to remember: parameters and buffers by path. The tensors themselves, not copies. */
export function stateOf(module: Module): Map<string, Tensor> {
  return new Map([...module.namedParameters(), ...module.namedBuffers()])
}

/** How a set of tensors differs from what a module holds. */
export interface StateMismatch {
  readonly missing: readonly string[]
  readonly unexpected: readonly string[]
  readonly wrongShape: readonly { path: string; expected: readonly number[]; got: readonly number[] }[]
}

/** Compares a module with named shapes; undefined where they agree in every name and shape. */
export function compareState(
  module: Module,
  given: ReadonlyMap<string, { readonly shape: readonly number[] }>,
): StateMismatch | undefined {
  const held = stateOf(module)
  const missing = [...held.keys()].filter(path => !given.has(path))
  const unexpected = [...given.keys()].filter(path => !held.has(path))
  const wrongShape = [...held].flatMap(([path, tensor]) => {
    const got = given.get(path)?.shape
    return got && got.join() !== tensor.shape.join() ? [{ path, expected: tensor.shape, got }] : []
  })
  if (missing.length + unexpected.length + wrongShape.length === 0) return undefined
  return { missing, unexpected, wrongShape }
}

/** The sentence of a mismatch: every name, what is missing and what is not expected together. */
export function describeMismatch(mismatch: StateMismatch, name: (path: string) => string = path => path): string {
  const parts = [
    ...listed('missing', mismatch.missing.map(name)),
    ...listed('unexpected', mismatch.unexpected.map(name)),
    ...listed(
      'of another shape',
      mismatch.wrongShape.map(
        ({ path, expected, got }) => `${name(path)} (expected [${expected.join(', ')}], got [${got.join(', ')}])`,
      ),
    ),
  ]
  return parts.join('; ')
}

/**
 * Copies values into the parameters and buffers of a module, which stay the same tensors (an optimizer may hold them).
 *
 * @throws FormatError that lists every missing, unexpected and misshapen name; nothing is copied then.
 */
export function loadState(module: Module, state: ReadonlyMap<string, Tensor>): void {
  const mismatch = compareState(module, state)
  if (mismatch) {
    throw new FormatError(
      'STATE_MISMATCH',
      `loadState: expected the names and shapes of the module, got ${describeMismatch(mismatch)}`,
      {
        ...mismatch,
      },
    )
  }
  noGrad(() => {
    for (const [path, tensor] of stateOf(module)) copy_(tensor, state.get(path)!)
  })
}

function listed(kind: string, names: readonly string[]): string[] {
  return names.length === 0 ? [] : [`${names.length} ${kind}: ${names.join(', ')}`]
}
