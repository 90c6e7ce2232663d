import type { Nested } from './nest.ts'

const edgeItems = 3
const summarizeAbove = 1000

interface Printable {
  readonly shape: number[]
  readonly dtype: string
  readonly device: string
  readonly requiresGrad: boolean
  readonly numel: number
  tolist(options?: { bigint?: boolean }): Nested
}

/** `Tensor([2, 3], float32, cpu) [[1, 2, 3], ...]`; long tensors are cut in the middle. */
export function formatTensor(tensor: Printable): string {
  const shape = tensor.shape
  const grad = tensor.requiresGrad ? ', requiresGrad' : ''
  const head = `Tensor([${shape.join(', ')}], ${tensor.dtype}, ${tensor.device}${grad})`
  if (tensor.device === 'meta') return head
  const short = tensor.numel <= summarizeAbove
  return `${head} ${format(tensor.tolist({ bigint: tensor.dtype === 'int64' }), short)}`
}

function format(value: Nested, whole: boolean): string {
  if (!Array.isArray(value)) return typeof value === 'number' ? formatNumber(value) : String(value)
  if (whole || value.length <= 2 * edgeItems) return `[${value.map(item => format(item, whole)).join(', ')}]`
  const first = value.slice(0, edgeItems).map(item => format(item, whole))
  const last = value.slice(-edgeItems).map(item => format(item, whole))
  return `[${[...first, '...', ...last].join(', ')}]`
}

function formatNumber(value: number): string {
  if (Number.isInteger(value) || !Number.isFinite(value)) return String(value)
  return String(Number(value.toPrecision(6)))
}
