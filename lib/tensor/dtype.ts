import { ArgumentError } from '../errors.ts'

/** Element types, by PyTorch's names. */
export type DType =
  | 'float64'
  | 'float32'
  | 'bfloat16'
  | 'float16'
  | 'int64'
  | 'int32'
  | 'int16'
  | 'int8'
  | 'uint8'
  | 'bool'

/** Bytes of one element. */
export const itemSize: Readonly<Record<DType, number>> = {
  float64: 8,
  float32: 4,
  bfloat16: 2,
  float16: 2,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
}

/** Whether elements of this type have a gradient. */
export function isFloating(dtype: DType): boolean {
  return dtype.startsWith('float') || dtype === 'bfloat16'
}

/**
 * The dtype of that name.
 *
 * @throws ArgumentError for any other value.
 */
export function assertDType(value: unknown, where: string): DType {
  if (typeof value === 'string' && Object.hasOwn(itemSize, value)) return value as DType
  throw new ArgumentError(
    'DTYPE',
    `${where}: expected a dtype (${Object.keys(itemSize).join(', ')}), got ${String(value)}; use one of these names`,
    { dtype: value },
  )
}
