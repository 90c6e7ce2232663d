import { ArgumentError, ShapeError } from '../errors.ts'
import { addon } from './addon.ts'
import { assertDType, type DType, isFloating } from './dtype.ts'
import type { Tensor, TypedArray } from './tensor.ts'

/** What `tensor` makes a tensor of. */
export type TensorData = number | boolean | bigint | TypedArray | readonly TensorData[]

export interface TensorOptions {
  /** Default: the typed array's own; float32 for numbers, int64 for bigints, bool for booleans. */
  dtype?: DType
  device?: string
  requiresGrad?: boolean
  /** Shape of a typed array or flat array; default: as nested. */
  shape?: readonly number[]
}

type Scalar = number | boolean | bigint

const arrays: readonly [new (length: number) => TypedArray, DType][] = [
  [Float64Array, 'float64'],
  [Float32Array, 'float32'],
  [BigInt64Array, 'int64'],
  [Int32Array, 'int32'],
  [Int16Array, 'int16'],
  [Int8Array, 'int8'],
  [Uint8Array, 'uint8'],
]

/**
 * A tensor of nested numbers or of a typed array, copied once.
 *
 * @throws ShapeError where nested arrays are ragged or `shape` does not fit the number of elements.
 * @throws ArgumentError where an element is no number or does not fit the dtype.
 */
export function tensor(data: TensorData, options: TensorOptions = {}): Tensor {
  const { device = 'cpu', requiresGrad = false } = options
  const dtype = options.dtype === undefined ? undefined : assertDType(options.dtype, 'tensor')
  const given = ArrayBuffer.isView(data) ? fromTypedArray(data as TypedArray) : fromNested(data, dtype)
  const shape = options.shape ?? given.shape
  const count = shape.reduce((product, size) => product * size, 1)
  if (count !== given.flat.length) {
    throw new ShapeError(
      'SHAPE',
      `tensor: expected ${count} elements for shape [${shape.join(', ')}], got ${given.flat.length}; give another shape`,
      { shape, elements: given.flat.length },
    )
  }
  const wanted = dtype ?? given.dtype
  const stored = storedAs(wanted)
  const bytes = stored === given.dtype ? given.flat : convert(given.flat, stored)
  if (stored === wanted) return addon().fromBytes(bytes, shape, wanted, device, requiresGrad)
  // bfloat16 and float16 have no typed array: they are rounded from float32 by libtorch.
  const wide = addon().fromBytes(bytes, shape, stored, 'cpu', false)
  try {
    const narrow = addon().bind('aten::to', 'dtype', false)(wide, wanted) as Tensor
    if (device !== 'cpu') {
      try {
        return addon().fromBytes(new Uint8Array(addon().toBytes(narrow)), shape, wanted, device, requiresGrad)
      } finally {
        narrow.dispose()
      }
    }
    if (requiresGrad) narrow.requiresGrad = true
    return narrow
  } finally {
    wide.dispose()
  }
}

function storedAs(dtype: DType): DType {
  return dtype === 'bfloat16' || dtype === 'float16' ? 'float32' : dtype
}

function fromTypedArray(data: TypedArray): { flat: TypedArray; shape: readonly number[]; dtype: DType } {
  for (const [arrayClass, dtype] of arrays) {
    if (data instanceof arrayClass) return { flat: data, shape: [data.length], dtype }
  }
  throw new ArgumentError(
    'TYPED_ARRAY',
    `tensor: expected ${arrays.map(([arrayClass]) => arrayClass.name).join(', ')}, got ${Object.prototype.toString.call(data).slice(8, -1)}; convert it first`,
  )
}

function fromNested(data: TensorData, dtype: DType | undefined): { flat: TypedArray; shape: number[]; dtype: DType } {
  const shape: number[] = []
  for (let level: TensorData = data; Array.isArray(level); level = level[0] as TensorData) {
    shape.push(level.length)
    if (level.length === 0) break
  }
  const values: Scalar[] = []
  flatten(data, shape, 0, values)
  const first = values.find(value => typeof value !== 'boolean') ?? values[0]
  const found = dtype ?? (typeof first === 'boolean' ? 'bool' : typeof first === 'bigint' ? 'int64' : 'float32')
  const stored = storedAs(found)
  return { flat: convert(values, stored), shape, dtype: dtype === undefined ? found : stored }
}

function flatten(data: TensorData, shape: readonly number[], depth: number, out: Scalar[]): void {
  if (depth === shape.length) {
    if (typeof data !== 'number' && typeof data !== 'boolean' && typeof data !== 'bigint') {
      throw Array.isArray(data) ? ragged(shape, depth) : notNumber(data)
    }
    out.push(data)
    return
  }
  if (!Array.isArray(data) || data.length !== shape[depth]) throw ragged(shape, depth)
  for (const item of data as readonly TensorData[]) flatten(item, shape, depth + 1, out)
}

function ragged(shape: readonly number[], depth: number): ShapeError {
  return new ShapeError(
    'RAGGED',
    `tensor: expected nested arrays of one shape ([${shape.join(', ')}] by their first elements), got another length or depth at level ${depth}; pad the rows`,
    { shape, depth },
  )
}

function notNumber(value: unknown): ArgumentError {
  return new ArgumentError(
    'ELEMENT',
    `tensor: expected numbers, booleans or bigints, got ${value === null ? 'null' : typeof value}; convert the elements first`,
  )
}

interface FlatScalars {
  readonly length: number
  readonly [index: number]: Scalar
}

function convert(values: FlatScalars, dtype: DType): TypedArray {
  const n = values.length
  if (dtype === 'int64') {
    const out = new BigInt64Array(n)
    for (let i = 0; i < n; i++) out[i] = toBigInt(values[i] as Scalar)
    return out
  }
  const out = dtype === 'bool' ? new Uint8Array(n) : new (constructorOf(dtype))(n)
  for (let i = 0; i < n; i++) {
    const value = Number(values[i])
    if (dtype === 'bool') out[i] = value === 0 ? 0 : 1
    else out[i] = isFloating(dtype) ? value : checkedInteger(value, dtype)
  }
  return out
}

function constructorOf(dtype: DType): new (length: number) => Exclude<TypedArray, BigInt64Array> {
  const found = arrays.find(([, name]) => name === dtype)
  return (found as NonNullable<typeof found>)[0] as new (
    length: number,
  ) => Exclude<TypedArray, BigInt64Array>
}

const integerRange: Partial<Record<DType, readonly [number, number]>> = {
  int32: [-2147483648, 2147483647],
  int16: [-32768, 32767],
  int8: [-128, 127],
  uint8: [0, 255],
}

function checkedInteger(value: number, dtype: DType): number {
  const [low, high] = integerRange[dtype] ?? [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]
  if (Number.isInteger(value) && value >= low && value <= high) return value
  throw new ArgumentError(
    'INTEGER',
    `tensor: expected integers from ${low} to ${high} for ${dtype}, got ${value}; choose another dtype`,
    { value, dtype },
  )
}

function toBigInt(value: Scalar): bigint {
  if (typeof value === 'bigint') {
    if (BigInt.asIntN(64, value) === value) return value
    throw new ArgumentError('INTEGER', `tensor: expected integers of 64 bits, got ${value}; use float64`, { value })
  }
  if (typeof value === 'boolean') return value ? 1n : 0n
  if (Number.isSafeInteger(value)) return BigInt(value)
  throw new ArgumentError(
    'INTEGER',
    `tensor: expected safe integers for int64, got ${value}; give bigints or another dtype`,
    { value },
  )
}
