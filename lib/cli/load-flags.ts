import type { Command } from 'commander'
import { FIELDS } from '../train/config.ts'
import { accepts, allowed, type Field } from '../train/field.ts'
import { valueFromText } from '../train/settings.ts'
import { ConfigError } from '../errors.ts'
import type { LoadOptions } from '../train/types.ts'

/** Flags of the commands that work with a saved model. */
export type LoadFlags = { model: string; base?: string; device?: string; dtype?: string; threads?: string }

const tensorFlags = ['device', 'dtype', 'threads'] as const

/** Adds the flags that say which saved model is taken and where its tensors live. */
export function addLoadFlags(command: Command): Command {
  command.requiredOption('--model <dir>', "folder of the saved adapter or merged model (a run's --output)")
  command.option('--base <dir>', 'folder of the pretrained model, where it has moved')
  for (const name of tensorFlags)
    command.option(`--${name} <value>`, `${FIELDS[name].doc} (${allowed(FIELDS[name] as Field<unknown>)})`)
  return command
}

/**
 * The options of `BiDoRA.load` among parsed flags.
 *
 * @throws ConfigError for a value that is not allowed.
 */
export function loadOptions(flags: LoadFlags): LoadOptions {
  const options: Record<string, unknown> = {}
  if (flags.base !== undefined) options.base = flags.base
  for (const name of tensorFlags) {
    if (flags[name] === undefined) continue
    const value = valueFromText(name, flags[name])
    const field = FIELDS[name] as Field<unknown>
    if (!accepts(field, value)) {
      throw new ConfigError('CONFIG_VALUE', `--${name}: expected ${allowed(field)}, got '${flags[name]}'.`, {
        key: name,
        value,
      })
    }
    options[name] = value
  }
  return options
}
