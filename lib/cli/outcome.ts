import { CommanderError } from 'commander'
import { AbortError, ArgumentError, BidoraError, ConfigError } from '../errors.ts'
import { FIELDS } from '../train/config.ts'
import { flagOf } from '../train/settings.ts'

/** Exit statuses of the command line. */
export const EXIT = { success: 0, failure: 1, usage: 2, interrupted: 130 } as const

/**
 * Runs a command and ends with its exit status: what it gives is printed as one JSON object where `--json` was given,
 * what it throws becomes a sentence on stderr.
 */
export async function conclude(command: string, json: boolean, work: () => Promise<object | undefined>): Promise<void> {
  try {
    const result = await work()
    if (json && result !== undefined) process.stdout.write(`${JSON.stringify(result)}\n`)
  } catch (error) {
    process.exitCode = tell(command, json, error)
  }
}

/** Says what went wrong and gives the exit status. A stack is shown only where BIDORA_TORCH_DEBUG is set. */
export function tell(command: string, json: boolean, error: unknown): number {
  const { name, message, code, details } = describe(error)
  // Commander has printed its own sentence by now.
  if (!(error instanceof CommanderError))
    process.stderr.write(`bidora-torch ${command}: ${spoken(command, message, details)}\n`)
  if (process.env.BIDORA_TORCH_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  if (json) process.stdout.write(`${JSON.stringify({ error: { name, code, message, details } })}\n`)
  return statusOf(error)
}

/** The library's sentence as the command line says it: no name of a function in front, and flags for settings. */
function spoken(command: string, message: string, details: Readonly<Record<string, unknown>> = {}): string {
  const plain = message.replace(new RegExp(`^(BiDoRA\\.\\w+|fromPretrained|fit|load|${command}): `), '')
  const { key } = details
  if (typeof key !== 'string' || !Object.hasOwn(FIELDS, key)) return plain
  return plain.replace(new RegExp(`'${key}'|\\b${key}\\b`), flagOf(key))
}

function statusOf(error: unknown): number {
  if (error instanceof AbortError) return EXIT.interrupted
  if (error instanceof ConfigError || error instanceof ArgumentError || error instanceof CommanderError)
    return EXIT.usage
  return EXIT.failure
}

function describe(error: unknown): {
  name: string
  message: string
  code?: string
  details?: Readonly<Record<string, unknown>>
} {
  if (error instanceof BidoraError) return pick(error, error.message, error.code, error.details)
  if (error instanceof CommanderError) return pick(error, error.message.replace(/^error: /, ''), error.code)
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) }
  const { code } = error as { code?: unknown }
  // A system error (a file that is not there) speaks for itself; anything else is a fault of this program.
  if (typeof code === 'string' && 'syscall' in error) return pick(error, error.message, code)
  const hint = 'this is a fault of bidora-torch; set BIDORA_TORCH_DEBUG=1 and run it again to see where'
  return { name: error.name, message: `unexpected ${error.name}: ${error.message} (${hint})` }
}

function pick(error: Error, message: string, code: string, details?: Readonly<Record<string, unknown>>) {
  return { name: error.name, message, code, ...(details && { details }) }
}
