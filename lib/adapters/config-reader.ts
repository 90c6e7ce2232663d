import { FormatError } from '../errors.ts'
import { isJsonObject, type JsonObject } from '../io/index.ts'
import type { TargetModules } from './targets.ts'

/** Fields of every `adapter_config.json` that are carried out elsewhere, or that say nothing about what is computed. */
const common: readonly string[] = [
  ...['peft_type', 'target_modules', 'modules_to_save', 'base_model_name_or_path', 'task_type', 'inference_mode'],
  ...['auto_mapping', 'revision', 'peft_version', 'runtime_config', 'bidora'],
]

/** Reads fields of `adapter_config.json` by name; a field that is wrong is refused with the file and its value. */
export class ConfigReader {
  readonly file: string
  readonly config: JsonObject

  constructor(file: string, config: JsonObject) {
    this.file = file
    this.config = config
  }

  number(key: string, expected: string, isRight: (value: number) => boolean): number {
    const value = this.config[key]
    if (typeof value === 'number' && isRight(value)) return value
    throw this.fault(`expected ${key} to be ${expected}, got ${JSON.stringify(value)}`, { key })
  }

  /** Numbers by name; undefined where there are none. */
  numbers(key: string, expected: string, isRight: (value: number) => boolean): Record<string, number> | undefined {
    const value = this.config[key]
    if (isEmpty(value)) return undefined
    const isNumbers = isJsonObject(value) && Object.values(value).every(one => typeof one === 'number' && isRight(one))
    if (isNumbers) return value as Record<string, number>
    throw this.fault(`expected ${key} to be ${expected}, got ${JSON.stringify(value)}`, { key })
  }

  whole(key: string, least: number): number {
    return this.number(key, `a whole number of at least ${least}`, value => Number.isInteger(value) && value >= least)
  }

  probability(key: string): number {
    return this.number(key, 'a probability from 0 to below 1', value => value >= 0 && value < 1)
  }

  boolean(key: string): boolean {
    const value = this.config[key]
    if (typeof value === 'boolean') return value
    throw this.fault(`expected ${key} to be true or false, got ${JSON.stringify(value)}`, { key })
  }

  choice<const V extends string>(key: string, values: readonly V[]): V {
    const value = values.find(each => each === this.config[key])
    if (value !== undefined) return value
    throw this.fault(`expected ${key} to be ${values.join(' or ')}, got ${JSON.stringify(this.config[key])}`, { key })
  }

  targets(): TargetModules {
    const value = this.config.target_modules
    if (typeof value === 'string' && value !== '') return value
    if (Array.isArray(value) && value.length > 0 && value.every(name => typeof name === 'string'))
      return value as string[]
    throw this.fault(`expected target_modules to be names or a regular expression, got ${JSON.stringify(value)}`, {
      key: 'target_modules',
    })
  }

  /**
   * A field that asks for something is understood or refused, never passed over.
   *
   * @param understood fields that are carried out, or that say nothing, beside those of every method
   * @param inert fields that are not carried out, with the values at which they do nothing
   */
  refuseOthers(understood: readonly string[], inert: Readonly<Record<string, readonly unknown[]>>): void {
    const known = new Set([...common, ...understood])
    const refused = Object.entries(this.config).filter(
      ([key, value]) => !(known.has(key) || isEmpty(value) || (inert[key]?.includes(value) ?? false)),
    )
    if (refused.length === 0) return
    const shown = refused.map(([key, value]) => `${key} = ${JSON.stringify(value)}`).join(', ')
    throw this.fault(
      `expected only what this library carries out, got ${shown}; merge the adapter in PEFT and take the merged model`,
      { unsupported: refused.map(([key]) => key) },
    )
  }

  fault(problem: string, details: Record<string, unknown>): FormatError {
    return new FormatError('ADAPTER_CONFIG', `${this.file}: ${problem}`, { file: this.file, ...details })
  }
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === false) return true
  return typeof value === 'object' && Object.keys(value).length === 0
}
