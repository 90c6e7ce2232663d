import type { JsonObject } from '../io/index.ts'
import type { Module } from '../nn/index.ts'
import type { Tensor } from '../tensor/index.ts'
import type { ConfigReader } from './config-reader.ts'
import type { AdaloraSettings } from './adalora.ts'
import { adalora } from './adalora-files.ts'
import { bottleneck, type BottleneckSettings } from './bottleneck.ts'
import { fourierft, type FourierSettings } from './fourierft.ts'
import { official, type OfficialSettings } from './official.ts'
import { vera, type VeraSettings } from './vera.ts'

/** What a method that attaches something else than LoRA's layers has to say for itself. */
export interface AdapterKind<S> {
  /** `peft_type` of its folders: PEFT's own name of the method, or one that PEFT refuses. */
  readonly peftType: string
  /** Whether everything trains beside the adapters, and files hold it. */
  readonly trainsAll?: boolean
  /**
   * Puts the adapters in their places.
   *
   * @param head paths of head modules, which are never among them
   */
  attach(model: Module, settings: S, head: readonly string[]): void
  /** What files hold beside the layers' own tensors, by the whole name. */
  sharedTensors?(model: Module, settings: S): Record<string, Tensor>
  /** The settings that a model has been led to, where a training changes them. */
  present?(model: Module, settings: S): S
  /** Fields of `adapter_config.json` beside those of every method. */
  fields(settings: S): JsonObject
  /** The other way. */
  read(reader: ConfigReader): S
}

/** What the methods of the table below need to know. */
export type KindSettings = OfficialSettings | AdaloraSettings | BottleneckSettings | VeraSettings | FourierSettings

/** The methods beside LoRA's family: one file and one line each. */
const KINDS: { readonly [M in Exclude<KindSettings['method'], 'bidora'>]: AdapterKind<Of<M>> } = {
  adalora,
  adapter: bottleneck,
  vera,
  fourierft,
}
type Of<M> = Extract<KindSettings, { method: M }>

const ALL = [...Object.values(KINDS), official] as AdapterKind<KindSettings>[]

/** The kind that settings ask for; undefined for LoRA's family and for methods without adapters. */
export function kindOf(settings: { method: string; compat?: unknown }): AdapterKind<KindSettings> | undefined {
  const { method, compat } = settings
  if (compat === 'official') return official as unknown as AdapterKind<KindSettings>
  return Object.hasOwn(KINDS, method) ? (KINDS[method as keyof typeof KINDS] as AdapterKind<KindSettings>) : undefined
}

/** The same by the `peft_type` of a folder. */
export function kindOfType(peftType: unknown): AdapterKind<KindSettings> | undefined {
  return ALL.find(kind => kind.peftType === peftType)
}

/** The `peft_type` of every kind. */
export function kindTypes(): string[] {
  return ALL.map(kind => kind.peftType)
}
