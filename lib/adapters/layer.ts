import { Module } from '../nn/index.ts'
import type { Tensor } from '../tensor/index.ts'

/** A place of a model that an adapter stands in, whatever the method: what attaching, files and merging need of it. */
export abstract class AdapterLayer extends Module {
  /** What the adapter adds and trains. */
  abstract adapterParameters(): Tensor[]

  /** What an adapter's file holds of it, by what stands in the file after the path of the place. */
  abstract fileTensors(): Record<string, Tensor>

  /** The module without its adapter; the adapter's own tensors are disposed. */
  abstract detach(): Module

  /** The place without the name of what stands there, as files know it; the path itself where an adapter stands in a layer. */
  filePath(path: string): string {
    return path
  }
}
