import { addon, asyncScopes } from './addon.ts'
import { Tensor } from './tensor.ts'

/**
 * Runs `fn` and disposes every tensor made in it except those found in what it returns (looked for in arrays, objects,
 * maps and sets). Also on a throw. `fn` may be asynchronous; concurrent asynchronous scopes do not mix.
 */
export function scope<T>(fn: () => T): T {
  const native = addon()
  const id = native.scopeOpen()
  const before = native.scopeEnter(id)
  let result: T
  try {
    result = asyncScopes.run(id, fn)
  } catch (error) {
    native.scopeEnter(before)
    native.scopeClose(id, [])
    throw error
  }
  native.scopeEnter(before)
  if (!isPromise(result)) {
    native.scopeClose(id, collect(result))
    return result
  }
  native.scopeAsync(1)
  return result.then(
    value => {
      native.scopeAsync(-1)
      native.scopeClose(id, collect(value))
      return value
    },
    (error: unknown) => {
      native.scopeAsync(-1)
      native.scopeClose(id, [])
      throw error
    },
  ) as T
}

/** Takes a tensor out of all scopes: it lives until it is disposed or garbage. Returns it. */
export function keep<T extends Tensor>(tensor: T): T {
  addon().scopeKeep(tensor)
  return tensor
}

/** Moves a tensor to the scope around its own. Returns it. */
export function moveToOuter<T extends Tensor>(tensor: T): T {
  addon().scopeMoveToOuter(tensor)
  return tensor
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

function collect(value: unknown): Tensor[] {
  const found: Tensor[] = []
  const seen = new Set<object>()
  const visit = (item: unknown): void => {
    if (typeof item !== 'object' || item === null || seen.has(item)) return
    if (item instanceof Tensor) {
      seen.add(item)
      found.push(item)
      return
    }
    if (ArrayBuffer.isView(item)) return
    seen.add(item)
    if (item instanceof Map) {
      for (const [key, entry] of item) {
        visit(key)
        visit(entry)
      }
    } else if (Array.isArray(item) || item instanceof Set) {
      for (const entry of item) visit(entry)
    } else {
      for (const entry of Object.values(item)) visit(entry)
    }
  }
  visit(value)
  return found
}
