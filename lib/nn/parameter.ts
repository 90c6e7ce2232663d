import { ArgumentError } from '../errors.ts'
import { isFloating, keep, type Tensor } from '../tensor/index.ts'

/** Which problem of the two-level training a parameter belongs to. */
export type Level = 'lower' | 'upper'

interface Role {
  readonly kind: 'parameter' | 'buffer'
  level?: Level
}

// A role belongs to the tensor object, as in PyTorch `nn.Parameter` does: the module only holds it.
const roles = new WeakMap<Tensor, Role>()

/** Options of `parameter`. */
export interface ParameterOptions {
  /** Whether it is trained; true unless said otherwise. */
  requiresGrad?: boolean
  /** Its level in two-level training. */
  level?: Level
}

/**
 * Makes a tensor a parameter: a property of a module that holds it is listed, saved and trained. It leaves all scopes and
 * lives until it is disposed.
 *
 * @example this.weight = parameter(zeros([outFeatures, inFeatures]))
 * @throws ArgumentError for a tensor that was computed with gradients, or that cannot have one (integers, bools).
 */
export function parameter(tensor: Tensor, options: ParameterOptions = {}): Tensor {
  const requiresGrad = options.requiresGrad ?? true
  if (!tensor.isLeaf) {
    throw new ArgumentError('MODULE', 'parameter: expected a tensor without history, got a result; detach it first')
  }
  if (!isFloating(tensor.dtype)) {
    throw new ArgumentError('MODULE', `parameter: expected a floating dtype, got ${tensor.dtype}; use buffer for it`)
  }
  if (tensor.requiresGrad !== requiresGrad) tensor.requiresGrad = requiresGrad
  roles.set(keep(tensor), { kind: 'parameter', ...(options.level ? { level: options.level } : {}) })
  return tensor
}

/** Makes a tensor a buffer: saved with the module and moved with it, never trained. It leaves all scopes. */
export function buffer(tensor: Tensor): Tensor {
  roles.set(keep(tensor), { kind: 'buffer' })
  return tensor
}

/** True for a tensor that `parameter` made one. */
export function isParameter(tensor: Tensor): boolean {
  return roles.get(tensor)?.kind === 'parameter'
}

/** True for a tensor that `buffer` made one. */
export function isBuffer(tensor: Tensor): boolean {
  return roles.get(tensor)?.kind === 'buffer'
}

/**
 * Says which level trains a parameter.
 *
 * @throws ArgumentError for a tensor that is no parameter.
 */
export function setLevel(tensor: Tensor, level: Level): void {
  const role = roles.get(tensor)
  if (role?.kind !== 'parameter') {
    throw new ArgumentError(
      'MODULE',
      'setLevel: expected a parameter, got another tensor; make it one with parameter()',
    )
  }
  role.level = level
}

/** The level of a parameter, or undefined where none was set. */
export function levelOf(tensor: Tensor): Level | undefined {
  return roles.get(tensor)?.level
}

/** Gives `replacement` the role of `tensor`: kind, level and whether it is trained. */
export function takeRole(replacement: Tensor, tensor: Tensor): Tensor {
  const role = roles.get(tensor)
  if (!role) throw new ArgumentError('MODULE', 'takeRole: expected a parameter or a buffer, got another tensor')
  if (role.kind === 'buffer') return buffer(replacement)
  return parameter(replacement, { requiresGrad: tensor.requiresGrad, ...(role.level ? { level: role.level } : {}) })
}
