import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** What a child process left behind. `status` is null where it could not be started or a signal ended it. */
export interface Finished {
  status: number | null
  signal?: NodeJS.Signals
  stdout: string
  stderr: string
}

/**
 * Runs a program to its end without holding the event loop (a lock's heartbeat must go on beating).
 *
 * @param options.onLine is called with every line of both outputs as it comes.
 */
export function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; onLine?: (line: string) => void; timeout?: number } = {},
): Promise<Finished> {
  return new Promise(settle => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.timeout,
    })
    const text = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) {
      let rest = ''
      child[name].setEncoding('utf8').on('data', (chunk: string) => {
        text[name] += chunk
        if (options.onLine === undefined) return
        const lines = (rest + chunk).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) options.onLine(line)
      })
      child[name].on('end', () => {
        if (rest !== '') options.onLine?.(rest)
      })
    }
    child.on('error', error => settle({ status: null, stdout: text.stdout, stderr: error.message }))
    child.on('close', (status, signal) => settle(signal === null ? { status, ...text } : { status, signal, ...text }))
  })
}

/** The full path of a program on PATH. */
export function findProgram(...names: string[]): string | undefined {
  for (const name of names) {
    for (const folder of name.includes('/') ? [''] : (process.env.PATH ?? '').split(delimiter)) {
      const path = folder === '' ? name : join(folder, name)
      try {
        accessSync(path, constants.X_OK)
        return path
      } catch {
        // not here
      }
    }
  }
  return undefined
}

/** The last lines of a long output. */
export function tail(text: string, lines = 15): string {
  return text.trimEnd().split('\n').slice(-lines).join('\n')
}
