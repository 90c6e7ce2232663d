import { createHash } from 'node:crypto'
import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError } from '../errors.ts'
import { FIELDS, type FieldName, type Settings } from './config.ts'
import type { AnyExample } from './types.ts'

/** What a run was made of, so that it is only resumed with the same. */
export interface Fingerprint {
  readonly settings: Readonly<Record<string, unknown>>
  readonly labels: readonly string[]
  /** Hashes of the examples and of the pretrained model. */
  readonly examples: string
  readonly validation: string
  readonly base: string
}

/** Settings that a run may change when it is resumed are left out. */
export function fingerprintOf(
  settings: Settings,
  labels: readonly string[],
  data: { examples: readonly AnyExample[]; validation: readonly AnyExample[]; base: string },
): Fingerprint {
  const names = (Object.keys(FIELDS) as FieldName[]).filter(name => !('free' in FIELDS[name]))
  return {
    settings: Object.fromEntries(names.map(name => [name, settings[name] ?? null])),
    labels,
    examples: hashExamples(data.examples),
    validation: hashExamples(data.validation),
    base: hashModel(data.base),
  }
}

/**
 * Checks that a run is resumed with what it was begun with.
 *
 * @throws ConfigError naming the settings, or the data, that have changed.
 */
export function checkFingerprint(saved: Fingerprint, now: Fingerprint, checkpoint: string): void {
  const changed = Object.keys(now.settings).filter(
    name => JSON.stringify(saved.settings[name]) !== JSON.stringify(now.settings[name]),
  )
  const others = (['labels', 'examples', 'validation', 'base'] as const).filter(
    name => JSON.stringify(saved[name]) !== JSON.stringify(now[name]),
  )
  if (changed.length + others.length === 0) return
  const words = {
    labels: 'the labels',
    examples: 'the training examples',
    validation: 'the validation examples',
    base: 'the pretrained model',
  }
  const parts = [
    ...changed.map(
      name => `${name} (was ${JSON.stringify(saved.settings[name])}, is ${JSON.stringify(now.settings[name])})`,
    ),
    ...others.map(name => words[name]),
  ]
  throw new ConfigError(
    'RESUME_CHANGED',
    `fit: expected what the run of ${checkpoint} was begun with, got changes in ${parts.join(', ')}; give the same again, or start anew in another output folder`,
    { checkpoint, changed: [...changed, ...others] },
  )
}

/** SHA-256 of examples: texts, pairs and labels, or whatever other examples hold, in their order. */
export function hashExamples(examples: readonly AnyExample[]): string {
  const hash = createHash('sha256')
  for (const example of examples) {
    const parts = 'text' in example ? [example.text, example.pair ?? null, example.label] : example
    hash.update(JSON.stringify(parts) + '\n')
  }
  return hash.digest('hex')
}

const SAMPLE_BYTES = 1 << 20

/** The configuration whole; of the weights, size and both ends: enough to tell models apart without reading gigabytes. */
export function hashModel(folder: string): string {
  const hash = createHash('sha256')
  hash.update(readFileSync(join(folder, 'config.json')))
  const weights = readdirSync(folder).filter(name => name.endsWith('.safetensors'))
  for (const name of weights.sort()) {
    const path = join(folder, name)
    const { size } = statSync(path)
    const sample = Buffer.alloc(Math.min(SAMPLE_BYTES, size))
    const file = openSync(path, 'r')
    try {
      hash.update(`${name} ${size}\n`)
      for (const position of [0, size - sample.length])
        hash.update(sample.subarray(0, readSync(file, sample, 0, sample.length, position)))
    } finally {
      closeSync(file)
    }
  }
  return hash.digest('hex')
}
