import type { SchemaArgument } from '../native-types.ts'
import type { OpArgument, OpSignature } from './row.ts'

const reserved = new Set(['self', 'function', 'var', 'in', 'new', 'default', 'delete', 'with'])

function parameterName(argument: OpArgument): string {
  return reserved.has(argument.jsName)
    ? argument.jsName === 'self'
      ? 'input'
      : `${argument.jsName}Value`
    : argument.jsName
}

function elementType(argument: SchemaArgument, numbers: boolean): string {
  switch (argument.kind) {
    case 'tensor':
      return numbers ? 'Tensor | number' : argument.optionalElements ? 'Tensor | null' : 'Tensor'
    case 'int':
    case 'float':
      return 'number'
    case 'number':
      return 'number | boolean'
    case 'bool':
      return 'boolean'
    case 'dtype':
      return 'DType'
    case 'reduction':
      return "'none' | 'mean' | 'sum'"
    default:
      return 'string'
  }
}

function argumentType({ row }: OpSignature, argument: OpArgument): string {
  const element = elementType(argument, row.numbers === true && argument.kind === 'tensor' && argument.position > 0)
  let type = element
  if (argument.list) {
    type = element.includes('|') ? `readonly (${element})[]` : `readonly ${element}[]`
    if (argument.listSize > 0) type += ` | ${element}`
  }
  return argument.optional ? `${type} | null` : type
}

function resultType({ schema }: OpSignature): string {
  const one = (result: SchemaArgument): string => {
    const element = result.kind === 'tensor' ? 'Tensor' : result.kind === 'bool' ? 'boolean' : 'number'
    return result.list ? `${element}[]` : element
  }
  if (schema.returns.length === 0) return 'void'
  if (schema.returns.length === 1) return one(schema.returns[0] as SchemaArgument)
  return `[${schema.returns.map(one).join(', ')}]`
}

function isOptional(argument: OpArgument): boolean {
  return argument.hasDefault || argument.optional
}

function parameters(signature: OpSignature, positional: readonly OpArgument[]): string {
  const list = positional.map((argument, i) => {
    // Only what nothing required follows may be left out.
    const optional = positional.slice(i).every(isOptional) && signature.options.every(isOptional)
    return `${parameterName(argument)}${optional ? '?' : ''}: ${argumentType(signature, argument)}`
  })
  if (signature.options.length > 0) {
    const fields = signature.options.map(a => `${a.jsName}${isOptional(a) ? '?' : ''}: ${argumentType(signature, a)}`)
    list.push(`options${signature.options.every(isOptional) ? '?' : ''}: { ${fields.join('; ')} }`)
  }
  return list.join(', ')
}

function functionText(signature: OpSignature, index: number): string {
  const { row, schema } = signature
  const values: string[] = []
  for (const argument of [...signature.positional, ...signature.options]) {
    const given = signature.positional.includes(argument)
    const fallback = row.defaults?.[argument.jsName]
    const value = given ? parameterName(argument) : `options?.${argument.jsName}`
    values[argument.position] = fallback === undefined ? value : `${value} ?? '${fallback}'`
  }
  const call = Array.from(values, value => value ?? 'undefined').join(', ')
  const check = signature.options.length > 0 ? `  if (options !== undefined) checkOptions(${index}, options)\n` : ''
  const result = resultType(signature)
  const body = result === 'void' ? `  op(${index})(${call})` : `  return op(${index})(${call}) as ${result}`
  return `/** ${row.doc} \`${schema.text}\` */
export function ${row.name}(${parameters(signature, signature.positional)}): ${result} {
${check}${body}
}
`
}

function methodText(signature: OpSignature): string {
  return `    /** ${signature.row.doc} */
    ${signature.row.name}(${parameters(signature, signature.positional.slice(1))}): ${resultType(signature)}
`
}

export function isMethod({ row, positional }: OpSignature): boolean {
  return row.method !== false && positional[0]?.kind === 'tensor' && !positional[0].list
}

/** The text of generated.ts: typed functions, and the methods that they add to Tensor. */
export function generateSource(signatures: readonly OpSignature[]): string {
  const functions = signatures.map(functionText).join('\n')
  const methods = signatures.filter(isMethod).map(methodText).join('')
  const names = signatures.filter(isMethod).map(s => `  ${s.row.name},`)
  return `// Made by \`npm run ops\` from table.ts and libtorch's schemas. Do not edit.
import type { DType } from '../tensor/index.ts'
import { Tensor } from '../tensor/index.ts'
import { checkOptions, installMethods, op } from './bound.ts'

${functions}
declare module '../tensor/tensor.ts' {
  interface Tensor {
${methods}  }
}

installMethods(Tensor, {
${names.join('\n')}
})
`
}

/** The text of OPS.md: the published operators by group. */
export function generateDocument(signatures: readonly OpSignature[]): string {
  const groups = new Map<string, OpSignature[]>()
  for (const signature of signatures) {
    const group = groups.get(signature.row.group) ?? []
    group.push(signature)
    groups.set(signature.row.group, group)
  }
  const sections = [...groups].map(([group, members]) => {
    const lines = members.map(s => `| \`${s.row.name}\` | \`${s.row.op}\` | ${s.row.doc.replaceAll('|', '\\|')} |`)
    return `## ${group}\n\n| function | operator of libtorch | what it does |\n| --- | --- | --- |\n${lines.join('\n')}\n`
  })
  return `# Operators

${signatures.length} operators, made from \`table.ts\` by \`npm run ops\`. Leading arguments are positional, the others go into one
options object with the schema's names in camelCase. Those whose first argument is a tensor are methods too.

${sections.join('\n')}`
}
