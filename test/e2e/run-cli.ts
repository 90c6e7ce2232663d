import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../lib/cli/main.js', import.meta.url))

/** What a run of the command line left. */
export type CliResult = { status: number | null; stdout: string; stderr: string }

/** A run of the command line that is under way. */
export type CliRun = { child: ChildProcess; result: Promise<CliResult>; stdout: () => string; stderr: () => string }

/** `keepOpen` leaves standard input to the caller. */
export type CliOptions = { input?: string; env?: Record<string, string>; keepOpen?: boolean }

/** Starts the command line as a child process, with one thread. */
export function startCli(args: readonly string[], options: CliOptions = {}): CliRun {
  const env = { ...process.env, OMP_NUM_THREADS: '1', ...options.env }
  const child = spawn(process.execPath, [main, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] })
  const text = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (part: string) => void (text.stdout += part))
  child.stderr.setEncoding('utf8').on('data', (part: string) => void (text.stderr += part))
  child.stdin.on('error', () => {}) // a command that does not read its input
  if (!options.keepOpen) child.stdin.end(options.input ?? '')
  const result = new Promise<CliResult>(resolve => {
    child.on('close', (status, signal) => resolve({ status: signal === null ? status : null, ...text }))
  })
  return { child, result, stdout: () => text.stdout, stderr: () => text.stderr }
}

/** Runs the command line to its end. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return startCli(args, options).result
}
