import { AsyncLocalStorage } from 'node:async_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { native } from '../native.ts'
import type { NativeAddon } from '../native-types.ts'
import type { DType } from './dtype.ts'
import { failureToError } from './failure.ts'
import type { Tensor } from './tensor.ts'

let ready: NativeAddon<Tensor, DType> | undefined
let tensorClass: (new () => Tensor) | undefined

/** Which scope the running asynchronous context belongs to (scope.ts). */
export const asyncScopes = new AsyncLocalStorage<number>()

/** tensor.ts gives its class here, so that this file does not have to import it. */
export function provideTensorClass(given: new () => Tensor): void {
  tensorClass = given
}

/** The addon, loaded and told of the Tensor class at its first use. */
export function addon(): NativeAddon<Tensor, DType> {
  if (ready !== undefined) return ready
  if (tensorClass === undefined)
    throw new Error('tensor/addon: the Tensor class was not provided; import tensor/tensor.ts first')
  const loaded = native() as unknown as NativeAddon<Tensor, DType>
  loaded.initialize({
    Tensor: tensorClass,
    makeError: failure => {
      const error = failureToError(failure)
      Error.captureStackTrace?.(error, undefined)
      return error
    },
    asyncScope: () => asyncScopes.getStore() ?? 0,
    collectGarbage: garbageCollector(),
  })
  return (ready = loaded)
}

// Tensors that a synchronous loop has dropped can be freed only once V8 has collected their objects, so the addon asks
// for a collection when much has piled up. Node offers the function without a command line flag this way.
function garbageCollector(): ((minor: boolean) => void) | undefined {
  try {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as unknown
    if (typeof collect !== 'function') return undefined
    return minor => {
      if (minor) collect({ type: 'minor' })
      else collect()
    }
  } catch {
    return undefined // without it, memory is only reported to V8, which then decides by itself
  }
}
