import { noGrad } from '../autograd/index.ts'
import { ArgumentError } from '../errors.ts'
import * as ops from '../ops/index.ts'
import { keep, scope, type Tensor } from '../tensor/index.ts'
import {
  checkGroups,
  checkMomentum,
  checkOption,
  type GroupUpdate,
  type Optimizer,
  type OptimizerState,
  type ParameterGroup,
  pairGroups,
} from './optimizer.ts'

export interface SGDOptions {
  momentum?: number
  dampening?: number
  nesterov?: boolean
  /** Weight decay of groups that name none; added to the gradient (not decoupled), as torch does. */
  weightDecay?: number
}

/**
 * Gradient descent with momentum. With g the gradient, in this order:
 *
 *     g <- g + wd p
 *     b <- g at the first step, else mu b + (1 - dampening) g
 *     g <- g + mu b (nesterov), else b
 *     p <- p - lr g
 *
 * The operations and their order are those of torch.optim.SGD(foreach=False) (torch/optim/sgd.py,
 * `_single_tensor_sgd`); on the CPU the bits are equal too.
 */
export class SGD implements Optimizer {
  readonly groups: readonly ParameterGroup[]
  readonly momentum: number
  readonly dampening: number
  readonly nesterov: boolean
  readonly weightDecay: number
  readonly #buffers: (Tensor | null)[]

  constructor(groups: readonly ParameterGroup[], options: SGDOptions = {}) {
    const { momentum = 0, dampening = 0, nesterov = false, weightDecay = 0 } = options
    checkGroups('SGD', groups)
    checkMomentum('SGD', momentum, dampening, nesterov)
    checkOption('SGD', 'weightDecay', weightDecay, 0, Number.POSITIVE_INFINITY)
    this.groups = groups
    this.momentum = momentum
    this.dampening = dampening
    this.nesterov = nesterov
    this.weightDecay = weightDecay
    const count = groups.reduce((sum, group) => sum + group.parameters.length, 0)
    this.#buffers = new Array<Tensor | null>(count).fill(null)
  }

  step(gradients: readonly (Tensor | null)[]): void {
    noGrad(() => {
      scope(() => {
        for (const update of pairGroups(this.groups, gradients, this.weightDecay)) this.#stepGroup(update)
      })
    })
  }

  #stepGroup({ parameters, gradients, places, learningRate, weightDecay }: GroupUpdate): void {
    for (const [index, parameter] of parameters.entries()) {
      let gradient = gradients[index]!
      if (weightDecay !== 0) gradient = ops.add(gradient, parameter, { alpha: weightDecay })
      if (this.momentum !== 0) {
        const buffer = this.#remember(places[index]!, gradient)
        gradient = this.nesterov ? ops.add(gradient, buffer, { alpha: this.momentum }) : buffer
      }
      ops.add_(parameter, gradient, { alpha: -learningRate })
    }
  }

  #remember(place: number, gradient: Tensor): Tensor {
    const buffer = this.#buffers[place]
    if (buffer) return ops.add_(ops.mul_(buffer, this.momentum), gradient, { alpha: 1 - this.dampening })
    return (this.#buffers[place] = keep(ops.clone(gradient)))
  }

  state(): OptimizerState {
    const tensors: Record<string, Tensor> = {}
    for (const [place, buffer] of this.#buffers.entries()) if (buffer) tensors[`${place}.momentumBuffer`] = buffer
    return { tensors, numbers: {} }
  }

  load({ tensors }: OptimizerState): void {
    this.dispose()
    const parameters = this.groups.flatMap(group => group.parameters)
    for (const [name, tensor] of Object.entries(tensors)) {
      const place = Number(name.split('.')[0])
      const parameter = parameters[place]
      if (!parameter || String(tensor.shape) !== String(parameter.shape)) {
        throw new ArgumentError(
          'OPTIMIZER_STATE',
          `SGD.load: expected the state of these parameters, got one that does not fit at place ${place}`,
        )
      }
      this.#buffers[place] = keep(noGrad(() => ops.copy_(ops.zerosLike(parameter), tensor)))
    }
  }

  dispose(): void {
    for (const buffer of this.#buffers) buffer?.dispose()
    this.#buffers.fill(null)
  }
}
