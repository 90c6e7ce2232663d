import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FormatError } from '../errors.ts'

/** A JSON object as it was read. */
export type JsonObject = Record<string, unknown>

/** The tokenizer's files as they lie in a folder, byte for byte. */
export interface TokenizerFiles {
  dir: string
  contents: ReadonlyMap<string, Buffer>
}

/** What belongs to a tokenizer in a Hugging Face folder; `config.json` is the model's. */
const fileNames = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.txt',
  'vocab.json',
  'merges.txt',
  'spm.model',
  'chat_template.jinja',
]

/**
 * Reads every tokenizer file of a folder into memory: what is saved later is then exactly what was used, whatever
 * happened to the folder meanwhile.
 *
 * @throws FormatError where the folder or a file in it cannot be read.
 */
export async function readTokenizerFiles(dir: string): Promise<TokenizerFiles> {
  const folder = await stat(dir).catch(error => {
    throw new FormatError(
      'tokenizer-missing',
      `tokenizer: expected a folder at ${dir}, got ${reason(error)}; check the path`,
      { file: dir },
      { cause: error },
    )
  })
  if (!folder.isDirectory()) {
    throw new FormatError(
      'tokenizer-missing',
      `tokenizer: expected a folder at ${dir}, got a file; name the folder that holds it`,
      { file: dir },
    )
  }
  const contents = new Map<string, Buffer>()
  for (const name of fileNames) {
    const bytes = await readIfThere(join(dir, name))
    if (bytes !== undefined) contents.set(name, bytes)
  }
  return { dir, contents }
}

/** Reads a folder's `config.json`; an empty object where there is none. */
export async function readModelConfig(dir: string): Promise<JsonObject> {
  const path = join(dir, 'config.json')
  const bytes = await readIfThere(path)
  return bytes === undefined ? {} : parseObject(decodeText(bytes, path), path)
}

/** Text of one of the files; undefined where the folder lacks it. */
export function textOf(files: TokenizerFiles, name: string): string | undefined {
  const bytes = files.contents.get(name)
  return bytes && decodeText(bytes, join(files.dir, name))
}

/** One of the JSON files as an object; undefined where the folder lacks it. */
export function objectOf(files: TokenizerFiles, name: string): JsonObject | undefined {
  const text = textOf(files, name)
  return text === undefined ? undefined : parseObject(text, join(files.dir, name))
}

/** The value as an object; undefined for anything else. */
export function asObject(value: unknown): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined
}

/**
 * Writes the files unchanged, each aside first and then renamed, so that no half file is ever read.
 *
 * @throws FormatError where the folder cannot be written.
 */
export async function writeTokenizerFiles(files: TokenizerFiles, dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true })
    for (const [name, bytes] of files.contents) {
      const target = join(dir, name)
      const aside = join(dir, `.${name}.${randomBytes(6).toString('hex')}.partial`)
      try {
        await writeFile(aside, bytes)
        await rename(aside, target)
      } catch (error) {
        await rm(aside, { force: true })
        throw error
      }
    }
  } catch (error) {
    throw new FormatError(
      'tokenizer-save',
      `tokenizer: expected a folder to write to at ${dir}, got ${reason(error)}; check path, permission and space`,
      { file: dir },
      { cause: error },
    )
  }
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new FormatError(
      'tokenizer-broken',
      `${path}: expected a file that can be read, got ${reason(error)}; check the file`,
      { file: path },
      { cause: error },
    )
  }
}

function decodeText(bytes: Buffer, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw new FormatError(
      'tokenizer-broken',
      `${path}: expected UTF-8 text, got bytes that are none; copy the file again`,
      { file: path },
      { cause: error },
    )
  }
}

function parseObject(text: string, path: string): JsonObject {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new FormatError(
      'tokenizer-broken',
      `${path}: expected JSON, got ${JSON.stringify(text.slice(0, 40))}... (${(error as Error).message}); copy the file again`,
      { file: path },
      { cause: error },
    )
  }
  const object = asObject(value)
  if (object) return object
  const got = Array.isArray(value) ? 'a list' : JSON.stringify(value)
  throw new FormatError('tokenizer-broken', `${path}: expected a JSON object, got ${got}; copy the file again`, {
    file: path,
  })
}

function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'nothing there'
  if (code === 'EACCES') return 'no permission'
  if (code === 'ENOTDIR' || code === 'EEXIST') return 'a path that leads through a file'
  if (code === 'EISDIR') return 'a folder'
  return message
}
