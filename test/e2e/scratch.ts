import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getNumThreads, setNumThreads } from '../../lib/tensor/index.ts'
import { tinyModel } from './tiny-model.ts'

/** What a suite has for itself while it runs. */
export interface Scratch {
  /** Folder of a tiny pretrained model. */
  readonly base: string
  /** Folder to write to. */
  readonly folder: string
}

/** Gives the tests of a suite a model and a folder, and removes both after them. To be called in its `describe`. */
export function scratch(name: string, make: () => string = tinyModel): Scratch {
  const here = { base: '', folder: '' }
  before(() => {
    here.base = make()
    here.folder = mkdtempSync(join(tmpdir(), `bidora-${name}-`))
  })
  after(() => {
    for (const path of [here.base, here.folder]) rmSync(path, { recursive: true, force: true })
  })
  return here
}

/** Lets the tests of a suite compute with one thread: nothing in them is large enough for two. */
export function oneThread(): void {
  let threads: number
  before(() => {
    threads = getNumThreads()
    setNumThreads(1)
  })
  after(() => setNumThreads(threads))
}
