import { BidoraError } from '../errors.ts'

/** Does a piece of writing; what the operating system says against it becomes a sentence. */
export function writing<T>(what: string, path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw notWritten(what, path, error)
  }
}

/** The error for a file or folder that could not be written; errors of this library stay as they are. */
export function notWritten(what: string, path: string, cause: unknown): unknown {
  const { code, message } = cause as NodeJS.ErrnoException
  if (cause instanceof BidoraError || code === undefined) return cause
  const advice = code === 'ENOSPC' || code === 'EDQUOT' ? 'free some disk space' : 'check the path and its permissions'
  return new BidoraError(
    'NOT_WRITTEN',
    `${path}: expected to write ${what}, got ${message}; ${advice}`,
    { path, code },
    { cause },
  )
}
