import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

export interface Start {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Whether what it says on stderr is seen. */
  readonly isLoud?: boolean
  /** What an error calls it. */
  readonly what: string
}

/** A process that answers each line with a line of JSON, in order; other lines are passed over. It ends at 'quit'. */
export class LineProcess {
  readonly #child: ChildProcess
  readonly #waiting: { done: (line: string) => void; failed: (error: Error) => void }[] = []
  #ended: Error | undefined

  constructor({ command, args, env = {}, isLoud = true, what }: Start) {
    this.#child = spawn(command, args, {
      stdio: ['pipe', 'pipe', isLoud ? 'inherit' : 'ignore'],
      env: { ...process.env, PYTHONWARNINGS: 'ignore', ...env },
    })
    createInterface({ input: this.#child.stdout as NodeJS.ReadableStream }).on('line', line => {
      if (line.startsWith('{')) this.#waiting.shift()?.done(line)
    })
    const end = (how: string) => {
      this.#ended ??= new Error(`${what} ended ${how}`)
      for (const { failed } of this.#waiting.splice(0)) failed(this.#ended)
    }
    this.#child.once('error', error => end(`before it began: ${error.message}`))
    this.#child.once('exit', code => end(`with status ${code}`))
    this.#child.stdin?.on('error', () => {}) // its end is what is reported
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** The next line that it says by itself. */
  answer<Answer>(): Promise<Answer> {
    if (this.#ended) return Promise.reject(this.#ended)
    return new Promise<string>((done, failed) => this.#waiting.push({ done, failed })).then(
      line => JSON.parse(line) as Answer,
    )
  }

  ask<Answer>(line: string): Promise<Answer> {
    this.#child.stdin?.write(`${line}\n`)
    return this.answer<Answer>()
  }

  /** Asks it to end, and waits until it has. */
  async stop(): Promise<void> {
    if (this.#ended) return
    const ended = new Promise(done => this.#child.once('exit', done))
    this.#child.stdin?.end('quit\n')
    await ended
  }
}
