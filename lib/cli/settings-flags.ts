import { type Command, Option } from 'commander'
import { ALIASES, FIELDS, type FieldName } from '../train/config.ts'
import { METHODS } from '../train/field.ts'
import { describeSettings, flagOf } from '../train/settings.ts'

/** Adds a flag for every setting that is declared in `train/config.ts` but those of `omit`, and for the short names. */
export function addSettingsFlags(command: Command, omit: readonly FieldName[] = []): Command {
  for (const { name, flag, allowed, default: standard, doc, methods } of describeSettings()) {
    if (omit.includes(name)) continue
    const only = methods.length === METHODS.length ? '' : ` Read by ${methods.join(', ')}.`
    command.addOption(new Option(`${flag} ${placeholder(name)}`, `${doc}${only} (${allowed}; default: ${standard})`))
  }
  for (const [alias, name] of Object.entries(ALIASES)) {
    command.addOption(new Option(`${flagOf(alias)} <number>`, `short for ${flagOf(name)}`))
  }
  return command
}

/** A switch may stand alone: `--resume` is `--resume true`. */
function placeholder(name: FieldName): string {
  const { kind } = FIELDS[name]
  if (kind === 'boolean') return '[boolean]'
  if (kind === 'list') return '<names>'
  if (kind === 'weights') return '<weights>'
  if (kind === 'pattern') return '<pattern>'
  return kind === 'integer' || kind === 'number' ? '<number>' : '<text>'
}
