import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface, type Interface } from 'node:readline'
import { join } from 'node:path'
import { root } from '../parity/golden.ts'

/** What a twin prints for a step. */
export type PeerStep = Record<string, number> & { seconds: number }

/** Versions of Python's packages, of the peers that have started so far. */
export const peerVersions: Record<string, string> = {}

/** A Python twin that does one step each time it is told to, or `server.py` with several of them. */
export class Peer {
  readonly #process: ChildProcess
  readonly #lines: Interface
  readonly #waiting: ((line: string | Error) => void)[] = []

  private constructor(child: ChildProcess) {
    this.#process = child
    this.#lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })
    this.#lines.on('line', line => {
      if (line.startsWith('{')) this.#waiting.shift()?.(line)
    })
    child.once('exit', code => {
      for (const done of this.#waiting.splice(0)) done(new Error(`the peer ended with status ${code}`))
    })
  }

  /** Starts test/bench/peers/SCRIPT and waits until it is ready. */
  static async start(python: string, script: string, args: readonly string[] = []): Promise<Peer> {
    const child = spawn(python, [join(root, 'test/bench/peers', script), ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, PYTHONWARNINGS: 'ignore' },
    })
    const peer = new Peer(child)
    const { versions } = JSON.parse(await peer.#answer()) as { versions?: Record<string, string> }
    Object.assign(peerVersions, versions)
    return peer
  }

  async step(): Promise<PeerStep> {
    return this.#send<PeerStep>('step')
  }

  /** A question to `server.py`, as it describes them. */
  async ask<Answer = Record<string, unknown>>(question: Record<string, unknown>): Promise<Answer> {
    return this.#send<Answer>(JSON.stringify(question))
  }

  stop(): void {
    this.#process.stdin?.end('quit\n')
  }

  async #send<Answer>(line: string): Promise<Answer> {
    this.#process.stdin?.write(`${line}\n`)
    return JSON.parse(await this.#answer()) as Answer
  }

  #answer(): Promise<string> {
    return new Promise((done, failed) => {
      this.#waiting.push(line => {
        if (line instanceof Error) failed(line)
        else done(line)
      })
    })
  }
}

/** The peers' Python: the one that is named, or one that is made from pip. */
export async function peerPython(): Promise<string> {
  const named = process.env.BIDORA_PEER_PYTHON
  if (named !== undefined) return named
  const { peerPython: make } = (await import(join(root, 'test/peers/venv.mjs'))) as { peerPython(): Promise<string> }
  return make()
}
