import { isHeld, refuseAsync } from './autocast.ts'

let narrow = false

/**
 * Runs `fn` with the products of frozen weights, and of what flows back through them, in bfloat16, and all else as it is:
 * adapters, losses, norms and softmax keep float32. Where the processor has products of bfloat16, such a product takes half
 * of the time. Inside `autocast(undefined, ...)` it changes nothing: differences of near values get all digits.
 *
 * The CPU alone does so, for float32; elsewhere `fn` just runs. Without gradients to record it just runs, too.
 *
 * @param fn synchronous
 */
export function narrowFrozenProducts<T>(fn: () => T): T {
  return withNarrow(true, fn)
}

/** Whether products of frozen weights are to be computed in bfloat16 now. */
export function areFrozenProductsNarrow(): boolean {
  return narrow && !isHeld('cpu')
}

/** A function that runs others with frozen products as they are now. */
export function frozenProductsOfNow(): <T>(fn: () => T) => T {
  const now = areFrozenProductsNarrow()
  return fn => withNarrow(now, fn)
}

function withNarrow<T>(enabled: boolean, fn: () => T): T {
  const before = narrow
  narrow = enabled
  try {
    return refuseAsync(fn())
  } finally {
    narrow = before
  }
}
