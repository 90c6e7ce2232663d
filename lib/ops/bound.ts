import { ArgumentError } from '../errors.ts'
import type { BoundOp } from '../native-types.ts'
import { addon, type Tensor } from '../tensor/index.ts'
import { type OpSignature, signatureOf } from './row.ts'
import { type OpRow, table } from './table.ts'

const bound: (BoundOp | undefined)[] = []
const optionNames: (ReadonlySet<string> | undefined)[] = []

/** The bound operator of a row, bound at its first use. */
export function op(index: number): BoundOp {
  return (bound[index] ??= bind(index))
}

function bind(index: number): BoundOp {
  const row = rowAt(index)
  const [name, overload] = splitName(row)
  return addon().bind(name, overload, row.numbers === true)
}

function rowAt(index: number): OpRow {
  return table[index] as OpRow
}

function splitName(row: OpRow): [name: string, overload: string] {
  const [name = '', overload = ''] = row.op.split('.')
  return [`aten::${name}`, overload]
}

/** A row joined with the schema of the running libtorch. */
export function signatureAt(index: number): OpSignature {
  const row = rowAt(index)
  return signatureOf(row, addon().schemaOf(...splitName(row)))
}

/** @throws ArgumentError for an option that the operator does not have: a misspelt one must not be ignored. */
export function checkOptions(index: number, options: object): void {
  const names = (optionNames[index] ??= new Set(signatureAt(index).options.map(argument => argument.jsName)))
  for (const key in options) {
    if (!names.has(key)) {
      const { name } = rowAt(index)
      throw new ArgumentError(
        'OPTION',
        `${name}: expected options ${[...names].join(', ')}, got '${key}'; check its spelling`,
        { op: name, option: key, allowed: [...names] },
      )
    }
  }
}

type OpFunction = (input: Tensor, ...rest: never[]) => unknown

/** Makes functions whose first argument is a tensor methods of Tensor. */
export function installMethods(target: typeof Tensor, functions: Readonly<Record<string, OpFunction>>): void {
  for (const [name, run] of Object.entries(functions)) {
    Object.defineProperty(target.prototype, name, {
      value(this: Tensor, ...rest: never[]) {
        return run(this, ...rest)
      },
      configurable: true,
      writable: true,
    })
  }
}
