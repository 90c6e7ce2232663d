import { type Command, Option } from 'commander'
import { ALIASES, FIELDS, type FieldName } from '../train/config.ts'
import { METHODS } from '../train/field.ts'
import { describeSettings, flagOf, valueFromText } from '../train/settings.ts'

/** Settings as they were given, by name. Their values are checked by the rooms that read them. */
export type GivenSettings = Partial<Record<FieldName, unknown>>

/** Pairs that say the same thing in two ways: one of them on the command line outweighs the other in the file. */
const rivals: Partial<Record<FieldName, FieldName>> = {
  searchSteps: 'searchEpochs',
  searchEpochs: 'searchSteps',
  retrainSteps: 'retrainEpochs',
  retrainEpochs: 'retrainSteps',
}

/** Adds a flag for every setting that is declared in `train/config.ts`, or for some, and for their short names. */
export function addSettingsFlags(command: Command, wanted = Object.keys(FIELDS)): Command {
  for (const { name, flag, allowed, default: standard, doc, methods } of describeSettings()) {
    if (!wanted.includes(name)) continue
    const only = methods.length === METHODS.length ? '' : ` Read by ${methods.join(', ')}.`
    command.addOption(new Option(`${flag} ${placeholder(name)}`, `${doc}${only} (${allowed}; default: ${standard})`))
  }
  for (const [alias, name] of Object.entries(ALIASES)) {
    if (wanted.includes(name)) command.addOption(new Option(`${flagOf(alias)} <value>`, `short for ${flagOf(name)}`))
  }
  return command
}

/** The settings among parsed options. */
export function settingsFromFlags(options: Readonly<Record<string, unknown>>): GivenSettings {
  const given: GivenSettings = {}
  for (const [key, value] of Object.entries(options)) {
    const name = Object.hasOwn(ALIASES, key) ? ALIASES[key as keyof typeof ALIASES] : key
    if (!isSetting(name)) continue
    given[name] = value === true ? true : valueFromText(name, String(value))
  }
  return given
}

/** Settings of a file, outweighed by those of the command line. */
export function mergeSettings(file: GivenSettings, flags: GivenSettings): GivenSettings {
  const kept = Object.entries(file).filter(([key]) => {
    const rival = rivals[key as FieldName]
    return rival === undefined || !Object.hasOwn(flags, rival)
  })
  return { ...Object.fromEntries(kept), ...flags }
}

/** The settings among others, and the rest. */
export function pickSettings(given: GivenSettings, wanted: object): [GivenSettings, GivenSettings] {
  const entries = Object.entries(given)
  const inside = entries.filter(([key]) => Object.hasOwn(wanted, key))
  const outside = entries.filter(([key]) => !Object.hasOwn(wanted, key))
  return [Object.fromEntries(inside), Object.fromEntries(outside)]
}

function isSetting(name: string): name is FieldName {
  return Object.hasOwn(FIELDS, name)
}

function placeholder(name: FieldName): string {
  const { kind } = FIELDS[name]
  if (kind === 'boolean') return '[boolean]'
  if (kind === 'list') return '<names>'
  return kind === 'integer' || kind === 'number' ? '<number>' : '<text>'
}
