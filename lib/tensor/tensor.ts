import { inspect } from 'node:util'
import { TorchError } from '../errors.ts'
import { addon, provideTensorClass } from './addon.ts'
import type { DType } from './dtype.ts'
import { type Nested, nest } from './nest.ts'
import { formatTensor } from './print.ts'

export type TypedArray = Float64Array | Float32Array | BigInt64Array | Int32Array | Int16Array | Int8Array | Uint8Array

/**
 * A libtorch tensor. Operators are methods (`x.matmul(y)`), installed by the `ops` room, and functions of the same names.
 * Memory is freed by `dispose()`, by the end of a `scope`, or, as a net, when the object is garbage.
 */
export class Tensor {
  /** Sizes of the dimensions. */
  get shape(): number[] {
    return addon().shape(this)
  }

  get strides(): number[] {
    return addon().strides(this)
  }

  get dtype(): DType {
    return addon().dtype(this)
  }

  /** 'cpu', 'cuda:0', ... */
  get device(): string {
    return addon().device(this)
  }

  get ndim(): number {
    return addon().shape(this).length
  }

  get numel(): number {
    return addon().numel(this)
  }

  /** How often the tensor was changed in place. */
  get version(): number {
    return addon().version(this)
  }

  get requiresGrad(): boolean {
    return addon().requiresGrad(this)
  }

  /** @throws TorchError on a tensor that is not a leaf, or not of a floating type. */
  set requiresGrad(value: boolean) {
    addon().setRequiresGrad(this, value)
  }

  get isLeaf(): boolean {
    return addon().isLeaf(this)
  }

  get isContiguous(): boolean {
    return addon().isContiguous(this)
  }

  /** The name of the autograd node that made this tensor, or null for a leaf. */
  get gradientNode(): string | null {
    return addon().gradientNode(this)
  }

  get disposed(): boolean {
    return addon().isDisposed(this)
  }

  /** Frees the memory now; a later use throws. Does nothing the second time. */
  dispose(): void {
    addon().dispose(this)
  }

  [Symbol.dispose](): void {
    addon().dispose(this)
  }

  /**
   * The value of a tensor of one element.
   *
   * @throws TorchError for an int64 beyond the safe range, unless `{ bigint: true }` asks for a bigint.
   */
  item(options: { bigint: true }): bigint
  item(options?: { bigint?: false }): number
  item(options: { bigint?: boolean } = {}): number | bigint {
    const value = addon().item(this)
    if (typeof value === 'bigint') return options.bigint ? value : safeNumber(value, 'item')
    if (options.bigint) return BigInt(value)
    return Number(value)
  }

  /**
   * The elements as nested arrays: numbers (exact for float64), booleans for bool, bigints for int64 with `{ bigint: true }`.
   *
   * @throws TorchError for an int64 beyond the safe range without `{ bigint: true }`.
   */
  tolist(options: { bigint?: boolean } = {}): Nested {
    const data = this.data()
    const { dtype, shape } = this
    if (dtype === 'bool') return nest(data as Uint8Array, shape, value => value !== 0)
    if (data instanceof BigInt64Array) {
      return options.bigint
        ? nest(data, shape, value => value)
        : nest(data, shape, value => safeNumber(value, 'tolist'))
    }
    if (options.bigint) return nest(data as Exclude<TypedArray, BigInt64Array>, shape, value => BigInt(value))
    return nest(data as Exclude<TypedArray, BigInt64Array>, shape, value => value)
  }

  /** A contiguous copy of the elements; bfloat16 and float16 come as float32, bool as bytes of 0 and 1. */
  data(): TypedArray {
    const dtype = this.dtype
    const buffer = dtype === 'bfloat16' || dtype === 'float16' ? halfToFloat(this) : addon().toBytes(this)
    switch (dtype) {
      case 'float64':
        return new Float64Array(buffer)
      case 'float32':
      case 'bfloat16':
      case 'float16':
        return new Float32Array(buffer)
      case 'int64':
        return new BigInt64Array(buffer)
      case 'int32':
        return new Int32Array(buffer)
      case 'int16':
        return new Int16Array(buffer)
      case 'int8':
        return new Int8Array(buffer)
      default:
        return new Uint8Array(buffer)
    }
  }

  /** A contiguous copy of the raw bytes, in the tensor's own dtype. */
  bytes(): Uint8Array {
    return new Uint8Array(addon().toBytes(this))
  }

  toString(): string {
    if (this.disposed) return 'Tensor(disposed)'
    // Its elements are not read on the host while `jvp` differentiates it.
    if (addon().hasTangent(this))
      return `Tensor([${this.shape.join(', ')}], ${this.dtype}, ${this.device}, with a tangent)`
    return formatTensor(this)
  }

  [inspect.custom](): string {
    return this.toString()
  }
}

provideTensorClass(Tensor)

let toFloat: ((tensor: Tensor) => Tensor) | undefined

function halfToFloat(tensor: Tensor): ArrayBuffer {
  // The one conversion that this room needs; the ops room stands above it.
  toFloat ??= bindToFloat()
  const converted = toFloat(tensor)
  try {
    return addon().toBytes(converted)
  } finally {
    converted.dispose()
  }
}

function bindToFloat(): (tensor: Tensor) => Tensor {
  const to = addon().bind('aten::to', 'dtype', false)
  return tensor => to(tensor, 'float32') as Tensor
}

function safeNumber(value: bigint, where: string): number {
  const number = Number(value)
  if (Number.isSafeInteger(number)) return number
  throw new TorchError(
    'UNSAFE_INTEGER',
    `Tensor.${where}: expected integers within ±(2^53 - 1), got ${value}; pass { bigint: true }`,
    { value },
  )
}
