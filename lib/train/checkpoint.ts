import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { BidoraError, FormatError } from '../errors.ts'
import {
  type JsonObject,
  readJsonObject,
  readSafetensors,
  removeLeftovers,
  writeFolderAtomic,
  writeJson,
  writeSafetensors,
} from '../io/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { writing } from './writing.ts'

const STATE_FILE = 'state.json'
const TENSORS_FILE = 'tensors.safetensors'
const FORMAT = 1
const FOLDER = /^step-(\d+)$/

export interface Checkpoint<State> {
  readonly path: string
  readonly state: State
  /** Copies in memory: the folder may go away while they are used. */
  readonly tensors: ReadonlyMap<string, Tensor>
}

/**
 * The checkpoints of a run: folders `step-N`, each written aside and renamed into place, so that a kill at any moment
 * leaves whole folders only. A folder that is damaged all the same is passed over for the one before it.
 */
export class CheckpointStore<State extends object> {
  readonly #folder: string
  readonly #keep: number

  /**
   * @param folder Where the `step-N` folders lie; made at the first save.
   * @param keep How many of them stay.
   */
  constructor(folder: string, keep: number) {
    this.#folder = folder
    this.#keep = keep
  }

  /**
   * Writes a checkpoint and removes the oldest that are too many.
   *
   * @param besides Steps whose checkpoints stay, however old.
   * @returns its folder
   */
  save(
    step: number,
    state: State,
    tensors: ReadonlyMap<string, Tensor>,
    { besides = [] }: { besides?: readonly number[] } = {},
  ): string {
    const path = join(this.#folder, `step-${step}`)
    writing('a checkpoint', path, () =>
      writeFolderAtomic(path, folder => {
        writeSafetensors(join(folder, TENSORS_FILE), tensors)
        const tensorsSha256 = sha256(join(folder, TENSORS_FILE))
        writeJson(join(folder, STATE_FILE), { format: FORMAT, tensorsSha256, state })
      }),
    )
    const old = this.steps().slice(this.#keep)
    for (const one of old.filter(one => !besides.includes(one)))
      rmSync(this.#path(one), { recursive: true, force: true })
    return path
  }

  /** Steps that there are folders of, the newest first. */
  steps(): number[] {
    if (!existsSync(this.#folder)) return []
    const found = readdirSync(this.#folder).flatMap(name => FOLDER.exec(name)?.[1] ?? [])
    return found.map(Number).sort((a, b) => b - a)
  }

  /**
   * The newest whole checkpoint, or undefined where there is none.
   *
   * @param onDamaged Told about every folder that had to be passed over, with the reason.
   */
  latest(onDamaged: (path: string, reason: string) => void = () => {}): Checkpoint<State> | undefined {
    removeLeftovers(this.#folder)
    for (const step of this.steps()) {
      const path = this.#path(step)
      try {
        return { path, ...this.#read(path) }
      } catch (error) {
        if (!(error instanceof BidoraError)) throw error
        onDamaged(path, error.message)
      }
    }
    return undefined
  }

  #read(path: string): { state: State; tensors: ReadonlyMap<string, Tensor> } {
    const file = join(path, STATE_FILE)
    const { format, tensorsSha256, state }: JsonObject = readJsonObject(file)
    if (format !== FORMAT) {
      throw new FormatError(
        'checkpoint',
        `${file}: expected checkpoint format ${FORMAT}, got ${String(format)}; resume it with the version that wrote it`,
        { file },
      )
    }
    const tensorsFile = join(path, TENSORS_FILE)
    if (!existsSync(tensorsFile) || sha256(tensorsFile) !== tensorsSha256) {
      throw new FormatError(
        'checkpoint',
        `${tensorsFile}: expected the tensors that were saved, got a damaged file or none; remove the folder`,
        { file: tensorsFile },
      )
    }
    return { state: state as State, tensors: readSafetensors(tensorsFile, { copy: true }) }
  }

  #path(step: number): string {
    return join(this.#folder, `step-${step}`)
  }
}

function sha256(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex')
}
