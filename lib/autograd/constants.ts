import { hasTangent } from './forward.ts'
import { noGrad } from './mode.ts'
import { keep, scope, type Tensor } from '../tensor/index.ts'

/** What was computed once from a frozen weight, valid for one version of it. */
const known = new WeakMap<Tensor, { version: number; values: Map<string, Tensor> }>()

/**
 * A constant of a frozen weight: computed at the first call, again only after the weight was changed in place. A weight
 * that requires a gradient (or has a tangent, under `jvp`) is not frozen; its value is then part of the graph and made anew each time.
 *
 * @param name what is computed; one name, one formula
 */
export function constantOf(weight: Tensor, name: string, compute: () => Tensor): Tensor {
  if (weight.requiresGrad || hasTangent(weight)) return compute()
  let entry = known.get(weight)
  if (entry?.version !== weight.version) {
    forgetConstants(weight)
    entry = { version: weight.version, values: new Map() }
    known.set(weight, entry)
  }
  let value = entry.values.get(name)
  if (value === undefined || value.disposed) {
    value = keep(noGrad(() => scope(compute))) // lives as long as the weight, beyond the scope of this step
    entry.values.set(name, value)
  }
  return value
}

/** Frees what is known of a weight; it is computed again where it is wanted again. */
export function forgetConstants(weight: Tensor): void {
  for (const value of known.get(weight)?.values.values() ?? []) value.dispose()
  known.delete(weight)
}
