import type { TuningSettings } from '../adapters/index.ts'
import { type GivenModelSettings, MODEL_FIELDS, type ModelSettings } from './config.ts'
import { type Field, METHODS, type Method } from './field.ts'

/** The settings of a method's own, by the names that both rooms use: those that not every method reads. */
function namesOf(method: Method): (keyof typeof MODEL_FIELDS)[] {
  const fields = Object.entries(MODEL_FIELDS) as [keyof typeof MODEL_FIELDS, Field<unknown>][]
  return fields.flatMap(([name, { methods }]) =>
    methods.length < METHODS.length && methods.includes(method) ? [name] : [],
  )
}

/** What the adapters room is told of a model's settings. */
export function tuningOf(settings: ModelSettings): TuningSettings {
  const { method, targetModules = ['query', 'value'] } = settings
  const all: Record<string, unknown> = { ...settings, targetModules }
  const own = namesOf(method).flatMap(name => (all[name] === undefined ? [] : [[name, all[name]]]))
  return { method, ...Object.fromEntries(own) } as TuningSettings
}

/** The other way: the settings that a saved adapter was made with. */
export function givenOf(tuning: TuningSettings): GivenModelSettings {
  const { method } = tuning
  const all = tuning as unknown as Readonly<Record<string, unknown>>
  const own = Object.fromEntries(namesOf(method).map(name => [name, all[name]]))
  const { targetModules } = own
  return { ...own, method, ...(typeof targetModules === 'string' ? { targetModules: [targetModules] } : {}) }
}
