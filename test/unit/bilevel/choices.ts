import type { MethodChoice, MethodName } from '../../../lib/bilevel/index.ts'
import { fullLike } from '../../../lib/ops/index.ts'
import type { Tensor } from '../../../lib/tensor/index.ts'

/** Every method with options that it accepts, by its name; the optimizer's state that `sama` wants is made up. */
export function choices(lowerParameters: readonly Tensor[]): { [Name in MethodName]: MethodChoice & { method: Name } } {
  const filled = (value: number) => lowerParameters.map(parameter => fullLike(parameter.detach(), value))
  return {
    'first-order': { method: 'first-order' },
    'finite-difference': { method: 'finite-difference' },
    exact: { method: 'exact' },
    neumann: { method: 'neumann', terms: 3, stepSize: 0.05 },
    'conjugate-gradient': { method: 'conjugate-gradient', iterations: 3, damping: 20 },
    unrolled: { method: 'unrolled', learningRate: 0.1 },
    sama: {
      method: 'sama',
      radius: 0.01,
      optimizerState: {
        expAvg: filled(0.1),
        expAvgSq: filled(0.3),
        gradient: filled(0.2),
        learningRate: 0.5,
        betas: [0.9, 0.99],
        eps: 1e-8,
      },
    },
  }
}
