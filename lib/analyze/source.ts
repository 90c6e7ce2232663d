import type { StoredWeight } from './decompose.ts'

/** A state of a model on disk: which of its layers may differ from another model's, and their weights. */
export interface Source {
  /** The folder or file that it is in, for errors. */
  readonly path: string
  /** `final`, or the name of a checkpoint's folder. */
  readonly checkpoint: string
  readonly phase: string | null
  readonly step: number | null
  /** Whether every weight of it may differ from the pretrained model's. */
  readonly isWhole: boolean
  /** Layers that may differ, by their names in the pretrained checkpoint. */
  readonly layers: readonly string[]
  /** Whether the source has a weight of that name, be it one that cannot differ. */
  has(layer: string): boolean
  /** The tensors belong to the caller's scope. */
  weight(layer: string): StoredWeight
}

/** What a source is called where it is the folder itself. */
export const final = { checkpoint: 'final', phase: null, step: null } as const
