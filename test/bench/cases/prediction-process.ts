import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface, type Interface } from 'node:readline'

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
  readonly #child: ChildProcess
  readonly #lines: Interface
  readonly #waiting: ((line: string | Error) => void)[] = []
  /** Seconds from its start to its first prediction. */
  startSeconds = 0

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })
    this.#lines.on('line', line => {
      if (line.startsWith('{')) this.#waiting.shift()?.(line)
    })
    child.once('exit', code => {
      for (const done of this.#waiting.splice(0)) done(new Error(`a process of prediction ended with status ${code}`))
    })
  }

  static async start({ command, args, env = {} }: Entrant, threads: number): Promise<PredictionProcess> {
    const limits = {
      OMP_NUM_THREADS: String(threads),
      MKL_NUM_THREADS: String(threads),
      TOKENIZERS_PARALLELISM: 'false',
    }
    const start = performance.now()
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', process.env.BIDORA_BENCH_STDERR === '1' ? 'inherit' : 'ignore'],
      env: { ...process.env, ...limits, PYTHONWARNINGS: 'ignore', ...env },
    })
    const made = new PredictionProcess(child)
    await made.#answer()
    made.startSeconds = (performance.now() - start) / 1e3
    return made
  }

  async each(texts: readonly string[]): Promise<number[]> {
    return (await this.#ask({ each: texts })).seconds
  }

  async all(texts: readonly string[]): Promise<Answer> {
    return this.#ask({ all: texts })
  }

  /** Resident memory in MiB: now (`VmRSS`) or at its peak so far (`VmHWM`). */
  memory(field: 'VmRSS' | 'VmHWM'): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')
    return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1024
  }

  /** Ends it, and waits until it has. */
  async stop(): Promise<void> {
    const ended = new Promise(done => this.#child.once('exit', done))
    this.#child.stdin?.end('quit\n')
    await ended
  }

  async #ask(question: object): Promise<Answer> {
    this.#child.stdin?.write(`${JSON.stringify(question)}\n`)
    return JSON.parse(await this.#answer()) as Answer
  }

  #answer(): Promise<string> {
    return new Promise((done, failed) => {
      this.#waiting.push(line => (line instanceof Error ? failed(line) : done(line)))
    })
  }
}
