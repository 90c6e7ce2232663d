import { ConfigError } from '../errors.ts'
import { add, gelu, mul, relu, sigmoid, silu, square, tanh } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'

/** A function of each element. */
export type Activation = (input: Tensor) => Tensor

const geluTanh: Activation = x => gelu(x, { approximate: 'tanh' })

/** The same formula with sqrt(2 / pi) cut to ten digits, which float64 notices. */
const geluFast: Activation = x => {
  const inner = mul(mul(x, 0.7978845608), add(mul(square(x), 0.044715), 1))
  return mul(mul(x, 0.5), add(tanh(inner), 1))
}

/** By the names of Hugging Face configurations (`hidden_act`); those of one line differ in rounding only. */
const activations = new Map<string, Activation>(
  Object.entries({
    gelu: x => gelu(x),
    gelu_python: x => gelu(x),
    gelu_new: geluTanh,
    gelu_fast: geluFast,
    gelu_pytorch_tanh: geluTanh,
    quick_gelu: x => mul(x, sigmoid(mul(x, 1.702))),
    relu: x => relu(x),
    silu: x => silu(x),
    swish: x => silu(x),
    tanh: x => tanh(x),
    sigmoid: x => sigmoid(x),
    linear: x => x,
  } satisfies Record<string, Activation>),
)

/** The names that `activation` knows. */
export const activationNames: readonly string[] = [...activations.keys()]

/**
 * The activation of a Hugging Face name.
 *
 * @throws ConfigError that lists the known names.
 */
export function activation(name: string): Activation {
  const found = activations.get(name)
  if (found) return found
  throw new ConfigError(
    'ACTIVATION',
    `activation: expected one of ${activationNames.join(', ')}, got ${JSON.stringify(name)}`,
    {
      key: name,
      allowed: activationNames,
    },
  )
}
