import { ArgumentError } from '../errors.ts'
import { addon } from '../tensor/index.ts'

/** The narrow type that products may be computed in. */
export type AutocastType = 'bfloat16'

export interface AutocastOptions {
  /** 'cpu' or 'cuda'; left out, every device. */
  device?: 'cpu' | 'cuda'
}

const DEVICES = ['cpu', 'cuda'] as const

/** Calls of `autocast(undefined, ...)` that are running, by the device they speak of. */
const held = { cpu: 0, cuda: 0 }
/** Calls of `under` that are running: outside of them autocast is off. */
let depth = 0

/**
 * Runs `fn` with products (`linear`, `matmul`, attention, ...) computed in `dtype`, whatever the type of their operands,
 * and what needs the digits (losses, norms, softmax on CUDA, ...) in float32: libtorch's autocast, with its lists of
 * operators. Parameters keep their type, and so do their gradients. Call `grad` outside.
 *
 * With `undefined`, `fn` runs with autocast off, and calls of `autocast` inside it change nothing: who asks for all
 * digits, as a difference of two near values must, gets them whatever the loss asks for.
 *
 * The cast copies of parameters that libtorch keeps go at the end of the outermost call, and wherever the grad mode
 * changes; a parameter must not be changed in place inside. float64 tensors are left alone.
 *
 * @param fn synchronous
 * @throws ArgumentError for another type, or for a function that returns a promise
 *
 * @example
 * const loss = autocast('bfloat16', () => crossEntropyLoss(model.forward(x), labels))
 * const gradients = grad(loss, parameters)
 */
export function autocast<T>(dtype: AutocastType | undefined, fn: () => T, options: AutocastOptions = {}): T {
  const { device } = options
  checkType(dtype)
  checkDevice(device)
  const named = device === undefined ? DEVICES : [device]
  if (dtype !== undefined) {
    const native = addon()
    const free = named.filter(name => held[name] === 0)
    const state = free.reduce((sum, name) => native.autocastWith(sum, dtype, name), native.autocastState())
    return under(state, fn)
  }
  for (const name of named) held[name]++
  try {
    if (depth === 0) return refuseAsync(fn())
    const native = addon()
    return under(native.autocastWith(native.autocastState(), null, device ?? null), fn)
  } finally {
    for (const name of named) held[name]--
  }
}

/**
 * A function that runs others as autocast is now, also in what calls of `autocast` inside them can change: a part of a
 * forward pass that is computed again must be.
 */
export function autocastOfNow(): <T>(fn: () => T) => T {
  const state = addon().autocastState()
  const heldNow = { ...held }
  return fn => {
    const present = { ...held }
    Object.assign(held, heldNow)
    try {
      return under(state, fn)
    } finally {
      Object.assign(held, present)
    }
  }
}

function under<T>(state: number, fn: () => T): T {
  const native = addon()
  const before = native.autocastEnter(state)
  depth++
  try {
    return refuseAsync(fn())
  } finally {
    depth--
    native.autocastExit(before)
  }
}

/** Whether products on `device` are computed in a narrow type now. */
export function isAutocastEnabled(device: 'cpu' | 'cuda' = 'cpu'): boolean {
  checkDevice(device)
  const native = addon()
  const state = native.autocastState()
  return native.autocastWith(state, null, device) !== state
}

/** Whether a call of `autocast(undefined, ...)` asks for all digits on `device` now. */
export function isHeld(device: 'cpu' | 'cuda'): boolean {
  return held[device] > 0
}

/** The state belongs to the thread: after an await, other code would run under it. */
export function refuseAsync<T>(result: T): T {
  if (!(result instanceof Promise)) return result
  result.catch(() => {})
  throw new ArgumentError(
    'ASYNC_MODE',
    'autocast: expected a synchronous function, got one that returns a promise; put autocast inside it, around the tensor work',
  )
}

function checkType(dtype: unknown): void {
  if (dtype === undefined || dtype === 'bfloat16') return
  const todo =
    dtype === 'float16'
      ? 'float16 needs its losses scaled, which is not offered; take bfloat16'
      : 'take one of these two'
  throw new ArgumentError(
    'AUTOCAST_DTYPE',
    `autocast: expected 'bfloat16' or undefined, got ${String(dtype)}; ${todo}`,
    { dtype },
  )
}

function checkDevice(device: unknown): void {
  if (device === undefined || device === 'cpu' || device === 'cuda') return
  throw new ArgumentError('ARGUMENT', `autocast: expected device 'cpu' or 'cuda', got ${String(device)}`, { device })
}
