import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { AbortError, BidoraError } from '../errors.ts'
import { reviveError } from '../host/plain-error.ts'
import type { Progress } from '../train/types.ts'
import type { FromChild, ToChild, Work, WorkName } from './messages.ts'

/** What surrounds a piece of work in a child process. */
export interface ChildOptions {
  /** Processor threads of its tensor operations. */
  readonly threads: number
  /** Asks the child to stop at its next step, after a checkpoint. */
  readonly signal: AbortSignal
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/** Last words of a child that are kept. */
const tailLength = 2000

/**
 * Does a piece of work in a process of its own, so that its memory is its own and its death ends nothing else.
 *
 * @throws The error of the work, with its class; BidoraError `CHILD_DIED` where the process ended without an answer.
 */
export function inChild<N extends WorkName>(
  kind: N,
  task: Work[N]['task'],
  { threads, signal, onProgress }: ChildOptions,
): Promise<Work[N]['result']> {
  if (signal.aborted) return Promise.reject(stopped())
  const child = fork(fileURLToPath(new URL('./child.js', import.meta.url)), {
    // Options such as --input-type or --inspect belong to the caller's own program.
    execArgv: process.execArgv.filter(argument => argument === '--enable-source-maps'),
    env: { ...process.env, OMP_NUM_THREADS: String(threads) },
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let tail = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-tailLength)
  })
  const onAbort = () => post(child, { kind: 'stop' })
  signal.addEventListener('abort', onAbort)
  return new Promise<Work[N]['result']>((resolve, reject) => {
    let answer: FromChild | undefined
    child.on('message', (message: FromChild) => {
      if (message.kind === 'progress') onProgress?.(message.value)
      else answer = message
    })
    child.on('error', reject)
    // The answer counts once the process is gone and its memory free.
    child.on('close', (code, killed) => {
      if (answer?.kind === 'result') resolve(answer.value as Work[N]['result'])
      else if (answer?.kind === 'error') reject(reviveError(answer.error))
      else reject(signal.aborted ? stopped() : died(code, killed, tail))
    })
    post(child, { kind, task } as ToChild)
  }).finally(() => signal.removeEventListener('abort', onAbort))
}

/** A child that is gone already is seen by its exit. */
function post(child: ChildProcess, message: ToChild): void {
  if (child.connected) child.send(message, () => {})
}

function stopped(): AbortError {
  return new AbortError('STOPPED', 'compare: stopped before this run had begun')
}

function died(code: number | null, signal: NodeJS.Signals | null, tail: string): BidoraError {
  const how = signal === null ? `with exit code ${code}` : `by ${signal}`
  const why = signal === 'SIGKILL' ? ' (is there enough memory? fewer jobs need less)' : ''
  const lines = tail.split('\n').filter(line => line.trim() !== '')
  // Where it is a stack, the line before the frames says what it was.
  const last = lines.findLast(line => /^\w*Error\b/.test(line)) ?? lines.slice(-2).join(' / ')
  const words = last === '' ? '' : `; its last words: ${last.trim()}`
  return new BidoraError('CHILD_DIED', `compare: the process of the run ended ${how}${why}${words}`, {
    exitCode: code,
    signal,
    stderr: tail,
  })
}
