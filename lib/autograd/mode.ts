import { ArgumentError } from '../errors.ts'
import { addon } from '../tensor/index.ts'

/** Whether a graph is not recorded now, but will be when the same is computed again. */
let later = false

function withMode<T>(enabled: boolean, where: string, fn: () => T, recordedLater = false): T {
  const laterBefore = later
  later = recordedLater
  const native = addon()
  const before = native.setGradEnabled(enabled)
  // A constant for `grad` is one for `jvp` too: both differentiate the same function.
  const seenBefore = native.isForwardMode() ? native.setTangentsSeen(enabled) : undefined
  let result: T
  try {
    result = fn()
  } finally {
    later = laterBefore
    native.setGradEnabled(before)
    if (seenBefore !== undefined) native.setTangentsSeen(seenBefore)
  }
  // The mode belongs to the thread: after an await, other code would run under it.
  if (result instanceof Promise) {
    result.catch(() => {})
    throw new ArgumentError(
      'ASYNC_MODE',
      `${where}: expected a synchronous function, got one that returns a promise; put ${where} inside it, around the tensor work`,
    )
  }
  return result
}

/** Runs `fn` without recording a graph; what it makes is a constant, for `jvp` as for `grad`. `fn` must be synchronous. */
export function noGrad<T>(fn: () => T): T {
  return withMode(false, 'noGrad', fn)
}

/** Runs `fn` recording a graph, also inside `noGrad`. `fn` must be synchronous. */
export function enableGrad<T>(fn: () => T): T {
  return withMode(true, 'enableGrad', fn)
}

export function isGradEnabled(): boolean {
  return addon().isGradEnabled()
}

/** Runs `fn` as `noGrad` does, but in the ways of a pass that records a graph: a checkpoint makes it again with one. */
export function recordLater<T>(fn: () => T): T {
  return withMode(false, 'checkpoint', fn, true)
}

/** Whether what is computed now has a graph, or will have one when a checkpoint makes it again. */
export function isRecorded(): boolean {
  return later || isGradEnabled()
}
