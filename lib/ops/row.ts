import type { Schema, SchemaArgument } from '../native-types.ts'
import type { OpRow } from './table.ts'

// Arguments that are never offered: where they matter there is a better way to say it.
const hidden = new Set(['layout', 'pin_memory', 'memory_format', 'non_blocking', 'generator', 'implicit'])

/** An argument as JavaScript sees it. */
export interface OpArgument extends SchemaArgument {
  /** Its place in the schema. */
  position: number
  /** Its name in camelCase. */
  jsName: string
}

/** A row joined with its schema. */
export interface OpSignature {
  row: OpRow
  schema: Schema
  positional: OpArgument[]
  options: OpArgument[]
}

export function camelCase(name: string): string {
  return name.replace(/^_/, '').replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

/**
 * Joins a row with libtorch's schema.
 *
 * @throws Error where an argument that is not offered has no default, or one that is offered has no JavaScript form.
 */
export function signatureOf(row: OpRow, schema: Schema): OpSignature {
  const all = schema.arguments.map((argument, position) => ({
    ...argument,
    position,
    jsName: camelCase(argument.name),
  }))
  const problem = all.find(argument =>
    hidden.has(argument.name)
      ? !argument.hasDefault && !argument.optional && argument.kind !== 'generator'
      : argument.kind === 'unsupported' && !argument.hasDefault,
  )
  if (problem) throw new Error(`ops/table: row ${row.name}: argument ${problem.name} of ${schema.text} cannot be given`)
  const offered = all.filter(argument => !hidden.has(argument.name) && argument.kind !== 'unsupported')
  if (row.positional > offered.length) throw new Error(`ops/table: row ${row.name}: ${schema.text} has fewer arguments`)
  return { row, schema, positional: offered.slice(0, row.positional), options: offered.slice(row.positional) }
}
