import { Conv1D, Embedding, init, LayerNorm, Linear, type Module, type Placement } from '../nn/index.ts'
import { empty, to } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'

/** A module whose parameters or buffers start as it says itself. */
export interface StartsItself {
  /** Fills a tensor of the named one's shape. */
  readonly starts: Readonly<Record<string, (tensor: Tensor) => Tensor>>
}

/**
 * Gives new values to every parameter whose path is wanted, by transformers' rule: weights from normal(0, std), biases and
 * padding rows zero, layer norms one and zero; and what a module says of its own. Returns the paths of those parameters.
 *
 * Values are drawn as float32 on the CPU and then moved, so that a seed gives the same start on every device and dtype.
 */
export function initialise(
  model: Module,
  options: { std: number | ((path: string) => number); placement: Placement; wanted?: (path: string) => boolean },
): string[] {
  const { std, placement, wanted = () => true } = options
  const created: string[] = []
  const made = new Set<Tensor>() // one that modules share is drawn once
  for (const [path, module] of model.namedModules()) {
    for (const [name, start] of startsOf(module, typeof std === 'number' ? std : std(path))) {
      const parameterPath = `${path}.${name}`
      const old = (module as unknown as Record<string, Tensor>)[name]!
      if (made.has(old) || !wanted(parameterPath)) continue
      const tensor = place(start(empty(old.shape)), placement)
      made.add(tensor)
      model.setTensor(parameterPath, tensor)
      created.push(parameterPath)
    }
  }
  return created
}

type Start = (tensor: Tensor) => Tensor

function startsOf(module: Module, std: number): [name: string, start: Start][] {
  const zero: Start = tensor => init.constant(tensor, 0)
  const normal: Start = tensor => init.normal(tensor, { std })
  if ('starts' in module) return Object.entries((module as Module & StartsItself).starts)
  if (module instanceof Linear) return [['weight', normal], ...(module.bias ? [['bias', zero] as [string, Start]] : [])]
  if (module instanceof Conv1D)
    return [
      ['weight', normal],
      ['bias', zero],
    ]
  if (module instanceof LayerNorm)
    return [
      ['weight', tensor => init.constant(tensor, 1)],
      ['bias', zero],
    ]
  if (!(module instanceof Embedding)) return []
  const row = module.paddingIndex
  return [['weight', row === undefined ? normal : tensor => init.zeroRow(normal(tensor), row)]]
}

function place(tensor: Tensor, placement: Placement): Tensor {
  const { dtype = 'float32', device = 'cpu' } = placement
  if (tensor.dtype === dtype && tensor.device === device) return tensor
  const placed = to(tensor, { dtype, device })
  tensor.dispose()
  return placed
}
