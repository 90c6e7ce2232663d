import * as errors from '../errors.ts'

/** An error as plain data: what is left of it when it crosses the border between two threads. */
export type PlainError = {
  name: string
  message: string
  code: string | undefined
  details: Record<string, unknown>
  stack: string | undefined
  cause: PlainError | undefined
}

const classes = new Map<string, typeof errors.BidoraError>(Object.entries(errors))

/** Error to plain data. What cannot be cloned in `details` (a function, a tensor) is replaced by its text. */
export function toPlainError(error: unknown): PlainError {
  if (!(error instanceof Error)) {
    return { name: 'Error', message: String(error), code: undefined, details: {}, stack: undefined, cause: undefined }
  }
  const { code, details } = error as { code?: unknown; details?: unknown }
  return {
    name: error.name,
    message: error.message,
    code: typeof code === 'string' ? code : undefined,
    details: isRecord(details) ? cloneable(details) : {},
    stack: error.stack,
    cause: error.cause === undefined ? undefined : toPlainError(error.cause),
  }
}

/**
 * Plain data to an error of the class it had. `callSite` is the stack of the call that the user made; the other
 * thread's frames follow it, so that the first lines point at the user's own code.
 */
export function reviveError(plain: PlainError, callSite?: string): Error {
  const options = plain.cause === undefined ? undefined : { cause: reviveError(plain.cause) }
  const Class = classes.get(plain.name)
  const error = Class
    ? new Class(plain.code ?? 'UNKNOWN', plain.message, plain.details, options)
    : foreignError(plain, options)
  const frames = [frameLines(callSite), '    -- in the thread of the model --', frameLines(plain.stack)]
  error.stack = [`${error.name}: ${error.message}`, ...frames].filter(part => part !== '').join('\n')
  return error
}

/** An error that is not the library's own (TypeError, a system error): its class is lost, its name and code are not. */
function foreignError(plain: PlainError, options: ErrorOptions | undefined): Error {
  const error = new Error(plain.message, options)
  error.name = plain.name
  if (plain.code !== undefined) Object.assign(error, { code: plain.code })
  return error
}

function frameLines(stack: string | undefined): string {
  const lines = (stack ?? '').split('\n')
  return lines.filter(line => line.startsWith('    at ')).join('\n')
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function cloneable(details: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(details).map(([key, value]) => {
    try {
      return [key, structuredClone(value)]
    } catch {
      return [key, String(value)]
    }
  })
  return Object.fromEntries(entries)
}
