import { readFileSync } from 'node:fs'
import { LineProcess } from '../line-process.ts'

interface Answer {
  readonly seconds: number[]
  /** logit of 'positive' minus logit of 'negative', of each text */
  readonly odds: number[]
}

/** What can be started: ours or a peer. */
export interface Entrant {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/**
 * A process of its own that has loaded a model and predicted a text. A question is a line of JSON: `{ "each": texts }` is
 * answered with the seconds of each text predicted alone, `{ "all": texts }` with the seconds of all and their log odds.
 */
export class PredictionProcess {
  readonly #process: LineProcess
  /** Seconds from its start to its first prediction. */
  readonly startSeconds: number

  private constructor(started: LineProcess, startSeconds: number) {
    this.#process = started
    this.startSeconds = startSeconds
  }

  static async start({ command, args, env = {} }: Entrant, threads: number): Promise<PredictionProcess> {
    const limits = {
      OMP_NUM_THREADS: String(threads),
      MKL_NUM_THREADS: String(threads),
      TOKENIZERS_PARALLELISM: 'false',
    }
    const start = performance.now()
    const isLoud = process.env.BIDORA_BENCH_STDERR === '1'
    const what = 'a process of prediction'
    const started = new LineProcess({ command, args, env: { ...limits, ...env }, isLoud, what })
    await started.answer()
    return new PredictionProcess(started, (performance.now() - start) / 1e3)
  }

  async each(texts: readonly string[]): Promise<number[]> {
    return (await this.#ask({ each: texts })).seconds
  }

  async all(texts: readonly string[]): Promise<Answer> {
    return this.#ask({ all: texts })
  }

  /** Resident memory in MiB: now (`VmRSS`) or at its peak so far (`VmHWM`). */
  memory(field: 'VmRSS' | 'VmHWM'): number {
    const status = readFileSync(`/proc/${this.#process.pid}/status`, 'utf8')
    return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1024
  }

  /** Ends it, and waits until it has. */
  async stop(): Promise<void> {
    await this.#process.stop()
  }

  async #ask(question: object): Promise<Answer> {
    return this.#process.ask<Answer>(JSON.stringify(question))
  }
}
