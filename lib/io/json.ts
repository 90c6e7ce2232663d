import { readFileSync } from 'node:fs'
import { FormatError } from '../errors.ts'
import { writeFileAtomic } from './atomic.ts'
import { fileFault } from './file-fault.ts'
import { findJsonFault } from './json-fault.ts'

/** A JSON object as it was read. */
export type JsonObject = Record<string, unknown>

/** True for a JSON object (no array, no null). */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Parses a JSON text; `where` names its file in errors.
 *
 * @throws FormatError with line and column, for a syntax error and for a key given twice in one object.
 */
export function parseJson(text: string, where: string): unknown {
  const fault = findJsonFault(text)
  if (fault) {
    const before = text.slice(0, fault.position)
    const line = before.split('\n').length
    const column = fault.position - before.lastIndexOf('\n')
    throw new FormatError('BAD_JSON', `${where}:${line}:${column}: ${fault.problem}; correct the file`, {
      file: where,
      line,
      column,
      position: fault.position,
    })
  }
  return JSON.parse(text)
}

/**
 * Reads a JSON file.
 *
 * @throws FormatError where the file cannot be read, is not UTF-8 or is not JSON.
 */
export function readJson(path: string): unknown {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    throw fileFault(path, 'a JSON file', error)
  }
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new FormatError('BAD_JSON', `${path}: expected UTF-8 text, got bytes that are none; save the file as UTF-8`, {
      file: path,
    })
  }
  return parseJson(text, path)
}

/**
 * Reads a JSON file that holds one object.
 *
 * @throws FormatError as `readJson`, and where the value is no object.
 */
export function readJsonObject(path: string): JsonObject {
  const value = readJson(path)
  if (isJsonObject(value)) return value
  const got = Array.isArray(value) ? 'a list' : JSON.stringify(value)
  throw new FormatError('BAD_JSON', `${path}: expected a JSON object, got ${got}; correct the file`, { file: path })
}

/**
 * Writes a value as indented JSON, so that a reader finds the old file or the whole new one.
 *
 * @param reals keys of an object whose whole numbers get a decimal point, as Python writes floats: it tells 0.0 from 0
 */
export function writeJson(path: string, value: unknown, { reals = [] }: { reals?: readonly string[] } = {}): void {
  const text = JSON.stringify(value, null, 2)
  const pointed = text.replaceAll(/^ {2}"(\w+)": (-?\d+)(?=,?$)/gm, (line, key: string) =>
    reals.includes(key) ? line + '.0' : line,
  )
  writeFileAtomic(path, (reals.length > 0 ? pointed : text) + '\n')
}
