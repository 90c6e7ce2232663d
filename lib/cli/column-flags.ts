import { type Command, Option } from 'commander'
import type { LoadFileOptions } from '../data/load-file.ts'

/** Flags that say where a file holds what. */
export type ColumnFlags = { textColumn?: string; pairColumn?: string; labelColumn?: string; delimiter?: string }

/** Adds them; `label` where the command reads labels. */
export function addColumnFlags(command: Command, label: boolean): Command {
  command.addOption(new Option('--text-column <name>', 'column of the text, where its name is none of the usual'))
  command.addOption(new Option('--pair-column <name>', 'column of the second text'))
  if (label) command.addOption(new Option('--label-column <name>', 'column of the label'))
  return command.addOption(
    new Option('--delimiter <character>', 'what separates the fields of a csv file (default: ,)'),
  )
}

/** The part of them that was given, as the readers take it. */
export function columnOptions(flags: ColumnFlags): Omit<LoadFileOptions, 'format'> {
  const { textColumn, pairColumn, labelColumn, delimiter } = flags
  return { textColumn, pairColumn, labelColumn, delimiter }
}
