import { Worker } from 'node:worker_threads'
import { AbortError, ArgumentError, BidoraError } from '../errors.ts'
import { preferPassiveWaiting } from '../native.ts'
import { abortable, type ChunkLimits, chunks, type Source, transferLimits } from './chunks.ts'
import { reviveError } from './plain-error.ts'
import type { Call, CallInput, CallName, CallResult, Reply } from './protocol.ts'

/** One call of the user: it has the model for itself until it ends. */
export type Operation = {
  /** Aborted by the user's signal or by `dispose`. */
  readonly signal: AbortSignal
  /** Asks the worker and waits for its answer. Once aborted, the worker itself ends the call at its next step. */
  call<N extends CallName>(name: N, input: CallInput<N>, onProgress?: (value: unknown) => void): Promise<CallResult<N>>
  /** Sends items to the worker in small messages; gives the number under which the worker keeps them. */
  upload<T>(items: Source<T>): Promise<number>
  /** Asks the worker once for each small chunk of the items, in order. */
  eachChunk<T>(items: Source<T>, limits: ChunkLimits, check: (item: T, position: number) => void): AsyncGenerator<T[]>
}

type Pending = {
  resolve: (value: unknown) => void
  reject: (error: Error) => void
  onProgress: ((value: unknown) => void) | undefined
  callSite: string | undefined
}

/**
 * The caller's side of a model that lives in a worker thread. Operations run one after another, in the order in which
 * they were begun. The thread keeps the process alive only while it works.
 */
export class ModelClient {
  readonly #worker: Worker
  readonly #pending = new Map<number, Pending>()
  readonly #running = new Set<AbortController>()
  #counter = 0
  #queue: Promise<void> = Promise.resolve()
  /** Why nothing can be asked any more. */
  #ended: BidoraError | undefined
  #closing: Promise<void> | undefined

  constructor(workerFile: URL = new URL('./worker.js', import.meta.url)) {
    preferPassiveWaiting()
    this.#worker = new Worker(workerFile, { execArgv: workerArguments(), name: 'bidora-torch' })
    this.#worker.unref()
    this.#worker.on('message', (reply: Reply) => this.#receive(reply))
    this.#worker.on('messageerror', error => this.#fail(`a message could not be read: ${error.message}`, error))
    this.#worker.on('error', error => this.#fail(describe(error), error))
    this.#worker.on('exit', code => this.#fail(`it ended with exit code ${code}`))
  }

  /**
   * Runs one operation when those before it have ended.
   *
   * @param where - Name of the user's call, for messages.
   * @param signal - The user's own signal: ends the wait at once and the work at its next step.
   * @throws AbortError when aborted, BidoraError when the model was disposed or its thread has died.
   */
  async run<T>(where: string, signal: AbortSignal | undefined, work: (operation: Operation) => Promise<T>): Promise<T> {
    const callSite = captureCallSite(this.run)
    const controller = new AbortController()
    const onAbort = () => controller.abort(signal?.reason)
    if (signal?.aborted) onAbort()
    signal?.addEventListener('abort', onAbort)
    const before = this.#queue
    let release = () => {}
    const done = new Promise<void>(resolve => {
      release = resolve
    })
    this.#queue = before.then(() => done)
    this.#running.add(controller)
    const uploads: number[] = []
    try {
      this.#refuseWhenEnded(where)
      await abortable(before, controller.signal)
      this.#refuseWhenEnded(where)
      return await work(this.#operation(controller, callSite, uploads))
    } catch (error) {
      // What was sent up for a call that then failed would stay in the thread for ever.
      if (uploads.length > 0 && !this.#ended) await this.#send('forget', { uploads }, undefined, undefined, undefined)
      throw controller.signal.reason instanceof CallbackFailure ? controller.signal.reason.error : error
    } finally {
      release()
      this.#running.delete(controller)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  /** Stops what runs at its next step, frees the model and ends the thread. Further calls are refused. */
  dispose(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const dead = this.#ended !== undefined
    this.#ended ??= new BidoraError('DISPOSED', 'expected a model, got one that was disposed; load it again')
    const reason = new AbortError('DISPOSED', 'The work was stopped because its model was disposed.')
    for (const controller of this.#running) controller.abort(reason)
    await this.#queue
    // A thread that dies here, or cannot free its model, is ended all the same.
    if (!dead) await this.#send('dispose', {}, undefined, undefined, undefined).catch(() => {})
    await this.#worker.terminate()
  }

  #operation(controller: AbortController, callSite: string | undefined, uploads: number[]): Operation {
    const { signal } = controller
    // Shared memory and not a message: the worker reads it between two steps without leaving its loop.
    const stop = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
    const raise = () => void Atomics.store(new Int32Array(stop), 0, 1)
    if (signal.aborted) raise()
    signal.addEventListener('abort', raise)
    const operation: Operation = {
      signal,
      call: (name, input, onProgress) => {
        const guarded = onProgress && guardCallback(onProgress, controller)
        return this.#send(name, input, stop, guarded, callSite)
      },
      upload: async items => {
        const upload = ++this.#counter
        uploads.push(upload)
        for await (const part of chunks(items, transferLimits, signal)) {
          await operation.call('append', { upload, items: part })
        }
        return upload
      },
      eachChunk: (items, limits, check) => chunks(items, limits, signal, check),
    }
    return operation
  }

  #send<N extends CallName>(
    name: N,
    input: CallInput<N>,
    stop: SharedArrayBuffer | undefined,
    onProgress: ((value: unknown) => void) | undefined,
    callSite: string | undefined,
  ): Promise<CallResult<N>> {
    const id = ++this.#counter
    return new Promise((resolve, reject) => {
      const call = { id, name, input, stop } as Call
      this.#post(call) // throws for a value that cannot be cloned, before anything is pending
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject, onProgress, callSite })
      this.#worker.ref()
    })
  }

  #post(call: Call): void {
    try {
      this.#worker.postMessage(call)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new ArgumentError(
        'NOT_PLAIN',
        `${call.name}: expected plain data, got something else (${reason}).`,
        {},
        { cause: error },
      )
    }
  }

  #receive(reply: Reply): void {
    const pending = this.#pending.get(reply.id)
    if (pending === undefined) return
    if (reply.kind === 'progress') {
      pending.onProgress?.(reply.value)
      return
    }
    this.#pending.delete(reply.id)
    if (this.#pending.size === 0) this.#worker.unref()
    if (reply.kind === 'result') pending.resolve(reply.value)
    else pending.reject(reviveError(reply.error, pending.callSite))
  }

  #fail(reason: string, cause?: unknown): void {
    if (this.#ended?.code !== 'WORKER_ENDED') {
      const message = `the thread of the model has ended (${reason}); load the model again`
      this.#ended ??= new BidoraError('WORKER_ENDED', message, { reason }, cause === undefined ? undefined : { cause })
    }
    const error = this.#ended
    for (const pending of this.#pending.values()) pending.reject(error)
    this.#pending.clear()
  }

  #refuseWhenEnded(where: string): void {
    if (this.#ended) throw new BidoraError(this.#ended.code, `${where}: ${this.#ended.message}.`, this.#ended.details)
  }
}

/** What the user's own callback threw: it ends the work, and the call fails with exactly that. */
class CallbackFailure {
  readonly error: unknown
  constructor(error: unknown) {
    this.error = error
  }
}

function guardCallback(callback: (value: unknown) => void, controller: AbortController): (value: unknown) => void {
  return value => {
    try {
      callback(value)
    } catch (error) {
      controller.abort(new CallbackFailure(error))
    }
  }
}

/** Options such as --input-type or --eval belong to the caller's main script and make a worker fail to start. */
function workerArguments(): string[] {
  return process.execArgv.filter(argument => argument === '--enable-source-maps')
}

function describe(error: Error): string {
  const { code } = error as { code?: unknown }
  if (code === 'ERR_WORKER_OUT_OF_MEMORY') return 'it had no JavaScript memory left; raise --max-old-space-size'
  if (code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND') {
    return `its program was not found: ${error.message}; where your program is bundled, leave bidora-torch out of it`
  }
  return error.message
}

function captureCallSite(below: unknown): string | undefined {
  const holder: { stack?: string } = {}
  Error.captureStackTrace(holder, below as () => void)
  return holder.stack
}
