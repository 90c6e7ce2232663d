import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bpeFolder } from '../../parity/text-golden.ts'

const made: string[] = []

/** A folder of its own with the given files; an object is written as JSON. */
export function folderOf(files: Record<string, string | Uint8Array | object>): string {
  const folder = mkdtempSync(join(tmpdir(), 'bidora-text-'))
  made.push(folder)
  for (const [name, content] of Object.entries(files)) {
    const isPlain = typeof content === 'string' || content instanceof Uint8Array
    writeFileSync(join(folder, name), isPlain ? content : JSON.stringify(content))
  }
  return folder
}

/** The golden byte-level BPE in a folder of its own, some files changed. */
export function bpeFolderWith(files: Record<string, string | object> = {}): string {
  const folder = folderOf({})
  cpSync(bpeFolder, folder, { recursive: true })
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content))
  }
  return folder
}

/** To be called after the tests of a file. */
export function removeFolders(): void {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true })
}

/** A WordPiece vocabulary by hand: ids are line numbers. */
export const vocabLines = [
  '[PAD]',
  '[UNK]',
  '[CLS]',
  '[SEP]',
  '[MASK]',
  'a',
  'fine',
  'film',
  '##s',
  'dull',
  '.',
  'caf',
  '##e',
]
