import { AbortError } from '../errors.ts'

/** Anything that gives values one after another: an array, a generator, a stream of objects. */
export type Source<T> = Iterable<T> | AsyncIterable<T>

/** When a chunk is full: after so many items, or when their strings together reach so many characters. */
export type ChunkLimits = { items: number; characters: number }

/** A message of this size is cloned in about a millisecond, so that neither thread's event loop feels it. */
export const transferLimits: ChunkLimits = { items: 512, characters: 262_144 }

/** A source that pauses for this long (milliseconds) gets what it has given so far sent on. */
const patience = 20

/**
 * Cuts a source into arrays of bounded size. The next item is asked for only when the consumer asks for the next
 * chunk: that is the back-pressure. `check` sees every item with its position and throws for a bad one. An abort ends
 * the wait for a source that has stopped giving. A source that pauses in the middle of a chunk gets a shorter chunk,
 * so that an answer never waits for the next question.
 */
export async function* chunks<T>(
  source: Source<T>,
  limits: ChunkLimits,
  signal: AbortSignal,
  check: (item: T, position: number) => void = () => {},
): AsyncGenerator<T[]> {
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  let chunk: T[] = []
  let characters = 0
  let position = 0
  let ended = false
  try {
    while (true) {
      const waiting = iterator.next()
      if (waiting instanceof Promise && chunk.length > 0 && (await pauses(waiting))) {
        yield chunk
        chunk = []
        characters = 0
      }
      const step = await abortable(waiting, signal)
      if (step.done === true) break
      check(step.value, position++)
      chunk.push(step.value)
      characters += countCharacters(step.value)
      if (chunk.length >= limits.items || characters >= limits.characters) {
        yield chunk
        chunk = []
        characters = 0
      }
    }
    ended = true
  } finally {
    // Not awaited: a source that hangs in next() would answer return() only after that.
    if (!ended) Promise.resolve(iterator.return?.()).catch(() => {})
  }
  if (chunk.length > 0) yield chunk
}

/** The value, or an AbortError as soon as the signal is aborted; then the value is not waited for any more. */
export async function abortable<T>(value: T | PromiseLike<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    if (isPromiseLike(value)) value.then(undefined, () => {}) // its own failure is of no interest any more
    throw abortError(signal)
  }
  if (!isPromiseLike(value)) return value
  let onAbort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(abortError(signal))
    signal.addEventListener('abort', onAbort)
  })
  try {
    return await Promise.race([value, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** The error of an aborted call. */
export function abortError(signal: AbortSignal): AbortError {
  if (signal.reason instanceof AbortError) return signal.reason
  return new AbortError('ABORTED', 'The work was stopped by its AbortSignal.', {}, { cause: signal.reason })
}

async function pauses(waiting: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<true>(resolve => {
    timer = setTimeout(resolve, patience, true)
  })
  const settled = waiting.then(
    () => false,
    () => false,
  )
  try {
    return await Promise.race([settled, late])
  } finally {
    clearTimeout(timer)
  }
}

function isPromiseLike<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

/** The characters of all strings in a value: what its clone costs. */
function countCharacters(value: unknown): number {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null) return 0
  let sum = 0
  for (const part of Object.values(value)) sum += countCharacters(part)
  return sum
}
