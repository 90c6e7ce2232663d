import { checkpoint } from '../autograd/index.ts'
import { type AttentionContext, Module } from '../nn/index.ts'
import { scope, Tensor } from '../tensor/index.ts'

export interface LayerOptions {
  /** Only the first token of each text is wanted, [batch, hidden]: the others give keys and values alone. */
  firstOnly?: boolean
}

/** The places by which dropout tells the rows of a layer's output: of first tokens alone, one a text, their number is. */
export function placesOf({ rows }: AttentionContext, { firstOnly }: LayerOptions): Tensor | undefined {
  return firstOnly ? undefined : rows?.placeOf
}

/** One layer of a stack. */
export type StackLayer<Context extends AttentionContext = AttentionContext> = Module & {
  /** [..., hidden] to [..., hidden], with `firstOnly` to [batch, hidden] */
  forward(input: Tensor, context: Context, options?: LayerOptions): Tensor
}

/** What a stack is to compute. */
export interface StackOptions extends LayerOptions {
  /** Give the input and the output of every layer, not the last one's alone. */
  every: boolean
}

/**
 * Layers one after the other. Hidden states are [batch, seq, hidden], or [rows, hidden] where a batch has no padding;
 * written [..., hidden].
 */
export abstract class Stack<Context extends AttentionContext = AttentionContext> extends Module {
  abstract readonly layer: readonly StackLayer<Context>[]
  /** Whether a layer's activations are computed again in the backward, which then has no second derivative. */
  checkpointing = false

  /**
   * [..., hidden] to [last hidden state], or with `every` to [input, output of layer 1, ..., of the last], each
   * [..., hidden]. With `firstOnly` the last one is that of the first tokens, [batch, hidden].
   */
  forward(input: Tensor, context: Context, options: StackOptions): Tensor[] {
    const states = [input]
    let hidden = input
    for (const [at, layer] of this.layer.entries()) {
      const ofLayer = { firstOnly: options.firstOnly === true && layer === this.layer.at(-1) }
      const run = this.checkpointing ? checkpointed : plain
      // The scope frees what only this layer used.
      const output = scope(() => this.after(at, run(layer, hidden, context, ofLayer), input, context))
      if (options.every) states.push(output)
      else if (hidden !== input) hidden.dispose()
      hidden = output
    }
    return options.every ? states : [hidden]
  }

  /** What becomes of a layer's output, given the input of the stack: nothing, unless a stack says otherwise. */
  protected after(_layer: number, output: Tensor, _input: Tensor, _context: Context): Tensor {
    return output
  }
}

/** What runs as a layer; `extra` is what it takes besides: options, a cache. */
type Runnable<Context, Extra> = Module & { forward(input: Tensor, context: Context, extra: Extra): Tensor }

/** A layer's output, with all that its backward needs kept. */
export function plain<C extends object, E>(layer: Runnable<C, E>, hidden: Tensor, context: C, extra: E): Tensor {
  return layer.forward(hidden, context, extra)
}

/**
 * A layer's output, computed again in the backward. The context's own tensors belong to the forward pass: they have to be
 * inputs, as they are gone by the time of the backward.
 */
export function checkpointed<C extends object, E>(layer: Runnable<C, E>, hidden: Tensor, context: C, extra: E): Tensor {
  const own = Object.entries(context).filter((entry): entry is [string, Tensor] => entry[1] instanceof Tensor)
  const run = (input: Tensor, ...tensors: Tensor[]) =>
    layer.forward(input, { ...context, ...Object.fromEntries(own.map(([name], i) => [name, tensors[i]])) }, extra)
  return checkpoint(run, [hidden, ...own.map(([, tensor]) => tensor)], { parameters: layer.parameters() })
}

/**
 * Switches gradient checkpointing of every stack of layers in a model (a module with `checkpointing`) on or off: memory of
 * one layer, for one more forward.
 */
export function useGradientCheckpointing(model: Module, enabled: boolean): void {
  for (const [, module] of model.namedModules())
    if ('checkpointing' in module) (module as Module & { checkpointing: boolean }).checkpointing = enabled
}
