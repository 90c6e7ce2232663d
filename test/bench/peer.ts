import { join } from 'node:path'
import { root } from '../parity/golden.ts'
import { LineProcess } from './line-process.ts'

/** What a twin prints for a step. */
export type PeerStep = Record<string, number> & { seconds: number }

/** Versions of Python's packages, of the peers that have started so far. */
export const peerVersions: Record<string, string> = {}

/** A Python twin that does one step each time it is told to, or `server.py` with several of them. */
export class Peer {
  readonly #process: LineProcess

  private constructor(started: LineProcess) {
    this.#process = started
  }

  /** Starts test/bench/peers/SCRIPT and waits until it is ready. */
  static async start(python: string, script: string, args: readonly string[] = []): Promise<Peer> {
    const path = join(root, 'test/bench/peers', script)
    const started = new LineProcess({ command: python, args: [path, ...args], what: 'the peer' })
    const { versions } = await started.answer<{ versions?: Record<string, string> }>()
    Object.assign(peerVersions, versions)
    return new Peer(started)
  }

  async step(): Promise<PeerStep> {
    return this.#process.ask<PeerStep>('step')
  }

  /** A question to `server.py`, as it describes them. */
  async ask<Answer = Record<string, unknown>>(question: Record<string, unknown>): Promise<Answer> {
    return this.#process.ask<Answer>(JSON.stringify(question))
  }

  stop(): void {
    void this.#process.stop()
  }
}

/** The peers' Python: the one that is named, or one that is made from pip. */
export async function peerPython(): Promise<string> {
  const named = process.env.BIDORA_PEER_PYTHON
  if (named !== undefined) return named
  const { peerPython: make } = (await import(join(root, 'test/peers/venv.mjs'))) as { peerPython(): Promise<string> }
  return make()
}
