export {
  ALIASES,
  FIELDS,
  FIT_FIELDS,
  type FieldName,
  MODEL_FIELDS,
  type ModelSettings,
  PRESETS,
  type Settings,
  SHARED_FIELDS,
} from './config.ts'
export { METHODS, type Method } from './field.ts'
export { describeSettings, fitSettings, flagOf, modelSettings, valueFromText } from './settings.ts'
export { TunedModel } from './tuned-model.ts'
export type * from './types.ts'
