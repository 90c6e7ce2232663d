import type { MessagePort } from 'node:worker_threads'
import { BidoraError } from '../errors.ts'
import type { CreateOptions, AnyExample, LoadOptions, TunedModel } from '../train/index.ts'
import { toPlainError } from './plain-error.ts'
import type { Call, CallName, CallResult, Reply } from './protocol.ts'

/** What the worker needs of a model; tests put a small one in its place. */
export type ServedModel = Pick<TunedModel, 'info' | 'fit' | 'evaluate' | 'predict' | 'save' | 'merge' | 'dispose'>

/** What makes one. */
export type ModelMaker = {
  create(directory: string, options: CreateOptions): Promise<ServedModel>
  load(directory: string, options: LoadOptions): Promise<ServedModel>
}

/**
 * The worker's side: owns one model and every tensor of it. Calls are answered one at a time, in the order in which
 * they came; the flag `stop` of a call is read between two steps.
 *
 * @param models - Called at the first call and not before: where it fails (a missing addon), that call fails, with the
 *   error's class and code, and not the thread.
 */
export function serve(port: MessagePort, models: () => Promise<ModelMaker>): void {
  const service = new Service(port, models)
  let queue: Promise<void> = Promise.resolve()
  port.on('message', (call: Call) => {
    queue = queue.then(() => service.answer(call))
  })
}

class Service {
  readonly #port: MessagePort
  readonly #models: () => Promise<ModelMaker>
  readonly #uploads = new Map<number, unknown[]>()
  #model: ServedModel | undefined

  constructor(port: MessagePort, models: () => Promise<ModelMaker>) {
    this.#port = port
    this.#models = models
  }

  async answer(call: Call): Promise<void> {
    try {
      this.#send({ id: call.id, kind: 'result', value: await this.#perform(call) })
    } catch (error) {
      this.#send({ id: call.id, kind: 'error', error: toPlainError(error) })
    }
  }

  async #perform(call: Call): Promise<CallResult<CallName>> {
    const shouldStop = readFlag(call.stop)
    switch (call.name) {
      case 'create': {
        this.#model = await (await this.#models()).create(call.input.directory, call.input.options)
        return this.#model.info
      }
      case 'load': {
        this.#model = await (await this.#models()).load(call.input.directory, call.input.options)
        return this.#model.info
      }
      case 'append': {
        const items = this.#uploads.get(call.input.upload) ?? []
        for (const item of call.input.items) items.push(item)
        this.#uploads.set(call.input.upload, items)
        return undefined
      }
      case 'forget':
        for (const upload of call.input.uploads) this.#uploads.delete(upload)
        return undefined
      case 'fit': {
        const { options, ...parts } = call.input
        const data = { validation: this.#takeMaybe(parts.validation), test: this.#takeMaybe(parts.test) }
        const onProgress = (value: unknown) => this.#send({ id: call.id, kind: 'progress', value })
        const report = await this.#present().fit(
          this.#take(parts.examples),
          { ...options, ...data },
          { onProgress, shouldStop },
        )
        return { report, info: this.#present().info }
      }
      case 'evaluate':
        return this.#present().evaluate(this.#take(call.input.examples), { shouldStop })
      case 'predict':
        return this.#present().predict(call.input.inputs, { shouldStop })
      case 'save':
        await this.#present().save(call.input.directory)
        return undefined
      case 'merge':
        return this.#present().merge(call.input.directory)
      case 'dispose':
        this.#model?.dispose()
        this.#model = undefined
        this.#uploads.clear()
        return undefined
    }
  }

  #present(): ServedModel {
    if (this.#model === undefined)
      throw new BidoraError('NO_MODEL', 'host/worker: expected a model, got none; create it first')
    return this.#model
  }

  /** The items of an upload, which is then forgotten. An upload of no items was never begun. */
  #take(upload: number): AnyExample[] {
    const items = this.#uploads.get(upload) ?? []
    this.#uploads.delete(upload)
    return items as AnyExample[]
  }

  #takeMaybe(upload: number | undefined): AnyExample[] | undefined {
    return upload === undefined ? undefined : this.#take(upload)
  }

  #send(reply: Reply): void {
    this.#port.postMessage(reply)
  }
}

function readFlag(stop: SharedArrayBuffer | undefined): () => boolean {
  if (stop === undefined) return () => false
  const flag = new Int32Array(stop)
  return () => Atomics.load(flag, 0) !== 0
}
