import type { TuningSettings } from '../adapters/index.ts'
import { type GivenModelSettings, MODEL_FIELDS, type ModelSettings } from './config.ts'
import { type Field, METHODS, type Method, unreadBecause } from './field.ts'

/** The settings of a method's own, by the names that both rooms use: those that not every method reads, but it does. */
function namesOf(method: Method, others: Readonly<Record<string, unknown>>): (keyof typeof MODEL_FIELDS)[] {
  const fields = Object.entries(MODEL_FIELDS) as [keyof typeof MODEL_FIELDS, Field<unknown>][]
  const isRead = (field: Field<unknown>) =>
    field.methods.length < METHODS.length && field.methods.includes(method) && !unreadBecause(field, others)
  return fields.flatMap(([name, field]) => (isRead(field) ? [name] : []))
}

/** What the adapters room is told of a model's settings. */
export function tuningOf(settings: ModelSettings): TuningSettings {
  const { method, targetModules = ['query', 'value'] } = settings
  const all: Record<string, unknown> = { ...settings, targetModules }
  const own = namesOf(method, all).flatMap(name => (all[name] === undefined ? [] : [[name, all[name]]]))
  return { method, ...Object.fromEntries(own) } as TuningSettings
}

/** The other way: the settings that a saved adapter was made with. */
export function givenOf(tuning: TuningSettings): GivenModelSettings {
  const { method } = tuning
  const all: Readonly<Record<string, unknown>> = { ...tuning, compat: 'compat' in tuning ? tuning.compat : 'none' }
  const own = Object.fromEntries(namesOf(method, all).map(name => [name, all[name]]))
  const { targetModules } = own
  return { ...own, method, ...(typeof targetModules === 'string' ? { targetModules: [targetModules] } : {}) }
}
