export {
  ALIASES,
  FIELDS,
  FIT_FIELDS,
  type FieldName,
  MODEL_FIELDS,
  type ModelSettings,
  type Settings,
  SHARED_FIELDS,
} from './config.ts'
export { METHODS, type Method } from './field.ts'
export { PRESETS, type Preset } from './presets.ts'
export { describeSettings, fitSettings, flagOf, modelSettings, valueFromText } from './settings.ts'
export { TunedModel } from './tuned-model.ts'
export type * from './types.ts'
