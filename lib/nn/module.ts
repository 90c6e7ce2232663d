import { noGrad } from '../autograd/index.ts'
import { ArgumentError } from '../errors.ts'
import { to } from '../ops/index.ts'
import { type DType, isFloating, Tensor } from '../tensor/index.ts'
import { isBuffer, isParameter, takeRole } from './parameter.ts'

/** A module that maps one tensor to one, as `Linear` and what stands in for it. */
export type Layer = Module & { forward(input: Tensor, rows?: Tensor): Tensor }

/** Where the parameters of a new module lie. */
export interface Placement {
  /** Their dtype; float32 unless said otherwise. */
  dtype?: DType
  /** Their device; the CPU unless said otherwise. On 'meta' they have shapes only, until a state is loaded. */
  device?: string
}

type Owner = Record<string, unknown>
type Item = [name: string, value: unknown]

/**
 * A part of a model. Its own properties are its content: tensors made by `parameter` or `buffer`, modules, and arrays of
 * modules. Names are dotted paths, arrays by index: `encoder.layer.0.attention.query.weight`.
 */
export abstract class Module {
  /** Whether dropout is on. Set it through `train`. */
  training = true

  /** All parameters with their paths, in the order of the properties; one that is held twice is listed once. */
  namedParameters(): [string, Tensor][] {
    return namedTensors(this, isParameter)
  }

  /** All parameters, in the order of `namedParameters`. */
  parameters(): Tensor[] {
    return this.namedParameters().map(([, tensor]) => tensor)
  }

  /** All buffers with their paths. */
  namedBuffers(): [string, Tensor][] {
    return namedTensors(this, isBuffer)
  }

  /** This module (path '') and all below it with their paths; one that is held twice is listed once. */
  namedModules(): [string, Module][] {
    const found: [string, Module][] = []
    const seen = new Set<Module>()
    const visit = (path: string, module: Module) => {
      if (seen.has(module)) return
      seen.add(module)
      found.push([path, module])
      for (const [name, child] of childrenOf(module)) visit(join(path, name), child)
    }
    visit('', this)
    return found
  }

  /** Sets training mode (dropout on) or evaluation mode, here and in all modules below. Returns the module. */
  train(mode = true): this {
    for (const [, module] of this.namedModules()) module.training = mode
    return this
  }

  /** Sets `requiresGrad` of every parameter. Returns the module. */
  requireGrad(requiresGrad: boolean): this {
    for (const parameter of this.parameters()) parameter.requiresGrad = requiresGrad
    return this
  }

  /**
   * The module at a path.
   *
   * @throws ArgumentError where there is none.
   */
  getModule(path: string): Module {
    if (path === '') return this
    const found = find(this, path)?.value
    if (found instanceof Module) return found
    throw new ArgumentError(
      'MODULE',
      `getModule: expected a module at ${path}, got none there; namedModules lists the paths`,
      {
        path,
      },
    )
  }

  /**
   * Puts a module in the place of another. The one that was there keeps its parameters.
   *
   * @throws ArgumentError where the path leads to no module.
   */
  setModule(path: string, module: Module): void {
    this.getModule(path)
    if (path === '')
      throw new ArgumentError('MODULE', 'setModule: expected the path of a module below this one, got ""')
    const { owner, name } = find(this, path)!
    owner[name] = module
  }

  /**
   * Puts another tensor in the place of a parameter or buffer, with its role; in every place of one that modules share. The
   * old tensor is disposed.
   *
   * @throws ArgumentError where the path leads to neither.
   */
  setTensor(path: string, tensor: Tensor): void {
    const found = find(this, path)
    const old = found?.value
    if (!found || !(old instanceof Tensor) || !(isParameter(old) || isBuffer(old))) {
      throw new ArgumentError('MODULE', `setTensor: expected a parameter or buffer at ${path}, got none there`, {
        path,
      })
    }
    if (old === tensor) return
    takeRole(tensor, old)
    for (const [, module] of this.namedModules()) {
      for (const [name, value] of Object.entries(module)) if (value === old) (module as unknown as Owner)[name] = tensor
    }
    old.dispose()
  }

  /**
   * Moves parameters and buffers to a device, and the floating ones to a dtype. The tensors are replaced, so ask for
   * `parameters()` afterwards. Returns the module.
   */
  to(placement: Placement): this {
    const moved = new Map<Tensor, Tensor>() // one held twice stays one
    this.releaseAll() // what is known of the old weights
    for (const [, module] of this.namedModules()) {
      for (const [name, value] of Object.entries(module)) {
        if (!(value instanceof Tensor) || !(isParameter(value) || isBuffer(value))) continue
        const dtype = isFloating(value.dtype) ? (placement.dtype ?? value.dtype) : value.dtype
        const device = placement.device ?? value.device
        if (dtype === value.dtype && device === value.device) continue
        const replacement =
          moved.get(value) ??
          takeRole(
            noGrad(() => to(value, { dtype, device })),
            value,
          )
        moved.set(value, replacement)
        ;(module as unknown as Owner)[name] = replacement
      }
    }
    for (const old of moved.keys()) old.dispose()
    return this
  }

  /** Frees the memory of all parameters and buffers; the module cannot be used afterwards. */
  dispose(): void {
    this.releaseAll()
    for (const [, tensor] of [...this.namedParameters(), ...this.namedBuffers()]) tensor.dispose()
  }

  /** Frees what a module holds beside parameters and buffers, and would make again. */
  release(): void {}

  /** The same for every module of the tree; `dispose` does so, and the end of a training. */
  releaseAll(): void {
    for (const [, module] of this.namedModules()) module.release()
  }

  /** What `toString` shows between the brackets, as `384, 384`. */
  describe(): string {
    return ''
  }

  /** The tree of modules, as PyTorch prints it. */
  toString(): string {
    const lines = childrenOf(this).map(([name, child]) => `(${name}): ${child.toString()}`.replaceAll('\n', '\n  '))
    const inside = this.describe()
    if (lines.length === 0) return `${this.constructor.name}(${inside})`
    return `${this.constructor.name}(${inside}\n  ${lines.join('\n  ')}\n)`
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}

/** Child modules with their names; those of an array as `name.index`. */
function childrenOf(module: Module): [string, Module][] {
  return Object.entries(module).flatMap(([name, value]: Item): [string, Module][] => {
    if (value instanceof Module) return [[name, value]]
    if (!Array.isArray(value)) return []
    return value.flatMap((item, index) =>
      item instanceof Module ? [[`${name}.${index}`, item] as [string, Module]] : [],
    )
  })
}

function namedTensors(root: Module, wanted: (tensor: Tensor) => boolean): [string, Tensor][] {
  const found = new Map<Tensor, string>()
  for (const [path, module] of root.namedModules()) {
    for (const [name, value] of Object.entries(module)) {
      if (value instanceof Tensor && wanted(value) && !found.has(value)) found.set(value, join(path, name))
    }
  }
  return [...found].map(([tensor, path]) => [path, tensor])
}

/** Follows a dotted path through modules and arrays; `owner[name]` is where the value lies. */
function find(root: Module, path: string): { owner: Owner; name: string; value: unknown } | undefined {
  let value: unknown = root
  let owner: Owner = {}
  let name = ''
  for (name of path.split('.')) {
    if (!(value instanceof Module || Array.isArray(value)) || !Object.hasOwn(value, name)) return undefined
    owner = value as unknown as Owner
    value = owner[name]
  }
  return { owner, name, value }
}
