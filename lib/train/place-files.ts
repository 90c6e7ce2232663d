import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { notWritten } from './writing.ts'

/** Files by which a folder is known for a saved model: the last to come and the first to go. */
const MARKERS = ['adapter_config.json', 'config.json']
/** Files of either kind of saved model that must not be left beside the other kind's. */
const WEIGHTS = ['adapter_model.safetensors', 'model.safetensors', 'model.safetensors.index.json']

/**
 * Fills a folder with a saved model as a whole. A new folder appears by one rename. In one that is there already (a
 * run's output), the model that it held ends first and the new one begins last, so that a kill in between leaves a
 * folder that is plainly no model, never a mixture of two.
 *
 * @param fill Writes the files into the folder that it is given. Where it throws, nothing has changed.
 */
export async function placeFiles<T>(folder: string, fill: (aside: string) => Promise<T>): Promise<T> {
  const target = resolve(folder)
  try {
    return await place(target, fill)
  } catch (error) {
    throw notWritten('a model', target, error)
  }
}

async function place<T>(target: string, fill: (aside: string) => Promise<T>): Promise<T> {
  await mkdir(dirname(target), { recursive: true })
  const aside = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}.partial`)
  await mkdir(aside)
  try {
    const result = await fill(aside)
    await replace(aside, target)
    return result
  } finally {
    await rm(aside, { recursive: true, force: true })
  }
}

async function replace(aside: string, target: string): Promise<void> {
  const there = await readdir(target).catch(() => undefined)
  if (there === undefined) return rename(aside, target)
  for (const name of [...MARKERS, ...WEIGHTS]) await rm(join(target, name), { force: true })
  const files = await readdir(aside)
  for (const name of files.filter(file => !MARKERS.includes(file))) await rename(join(aside, name), join(target, name))
  for (const name of files.filter(file => MARKERS.includes(file))) await rename(join(aside, name), join(target, name))
}
