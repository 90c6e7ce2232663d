import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readSafetensors } from '../../lib/io/index.ts'
import type { Tensor } from '../../lib/torch.ts'

/** The checkout's root: this file runs from dist/test/parity. */
export const root = fileURLToPath(new URL('../../..', import.meta.url))

export interface Golden<C> {
  cases: C[]
  tensors: Map<string, Tensor>
  manifest: { tolerance: Record<string, number> }
}

/** Reads test/golden/NAME: its cases, tensors and manifest. */
export function readGolden<C>(name: string): Golden<C> {
  const folder = join(root, 'test/golden', name)
  const json = (file: string): unknown => JSON.parse(readFileSync(join(folder, file), 'utf8'))
  const manifest = json('manifest.json') as Golden<C>['manifest']
  return {
    cases: (json('cases.json') as { cases: C[] }).cases,
    tensors: readSafetensors(join(folder, 'tensors.safetensors')),
    manifest,
  }
}

/** Whether the manifest of a golden folder belongs to the maker script beside it. */
export function makerHash(script: string): string {
  return createHash('sha256')
    .update(readFileSync(join(root, 'test/golden/make', script)))
    .digest('hex')
}
