import { ArgumentError, type BidoraError, ShapeError, TorchError, TorchOutOfMemoryError } from '../errors.ts'
import type { NativeFailure } from '../native-types.ts'

// What libtorch says, and what to do about it. The first that matches wins.
const advice: readonly [pattern: RegExp, code: string, todo: string, instead?: string][] = [
  [
    /Trying to backward through the graph a second time/,
    'GRAPH_FREED',
    'pass { retainGraph: true } to the first grad, or compute the loss again',
  ],
  [
    /modified by an inplace operation/,
    'SAVED_TENSOR_CHANGED',
    'a tensor that the backward needs was changed in place after the forward; change a clone, or run the forward again',
  ],
  [
    /appears to not have been used in the graph|differentiated Tensors should not require/,
    'UNUSED_INPUT',
    'pass { allowUnused: true } to get null for it',
  ],
  [
    /does not require grad and does not have a grad_fn/,
    'NO_GRAPH',
    'set requiresGrad on the leaves and compute the loss outside noGrad',
  ],
  [
    /One of the differentiated Tensors does not require grad|of the input tensors does not require grad/,
    'INPUT_WITHOUT_GRAD',
    'set requiresGrad on each of the inputs before the forward',
  ],
  [
    /grad can be implicitly created only for scalar outputs/,
    'NOT_SCALAR',
    'reduce the loss to one number, or pass { gradOutputs }',
  ],
  [
    /Expected all tensors to be on the same device|but found at least two devices|is on cpu, different from other tensors on cuda|indices should be either on|expected device .* but got/,
    'DEVICE_MISMATCH',
    'move all tensors to one device with x.to({ device })',
  ],
  [
    /Found no NVIDIA driver|no NVIDIA GPU|CUDA driver version is insufficient/,
    'NO_CUDA_DRIVER',
    'use device "cpu", or install the NVIDIA driver; `npx bidora-torch doctor` tells what was found',
  ],
  [
    /Could not run .* with arguments from the 'CUDA'|PyTorch is not linked with support for cuda|Cannot initialize CUDA/,
    'NO_CUDA_BUILD',
    'run `npx bidora-torch setup --device cuda`, or use device "cpu"',
    'expected a libtorch with CUDA for device "cuda", got one for the CPU alone',
  ],
  [
    /Trying to use forward AD with|Trying to set a forward gradient/,
    'NO_FORWARD_DERIVATIVE',
    "differentiate backwards instead (`exact`: way 'double-backward'), or compute it of other operators",
    'expected an operator with a derivative in forward mode, got one without',
  ],
  [
    /derivative for .* is not implemented|is not differentiable/,
    'NO_DERIVATIVE',
    'this operator has no derivative of that order',
  ],
  [/expected scalar type|must have the same dtype|same dtype/, 'DTYPE_MISMATCH', 'convert with x.to({ dtype })'],
]

const shapeMessage = /size|shape|dimension|dim |expand|broadcast|stack expects|mat1 and mat2/i

/** The typed error for what native code reports. */
export function failureToError(failure: NativeFailure): BidoraError {
  const where = failure.op === '' ? 'torch' : failure.op
  const details: Record<string, unknown> =
    failure.shapes.length > 0 ? { op: where, shapes: failure.shapes } : { op: where }
  if (failure.kind === 'argument') {
    const { argument, expected, got } = failure
    const disposed = got.includes('disposed')
    const todo = disposed
      ? '; do not use a tensor after dispose() or outside its scope: return it from the scope or keep() it'
      : ''
    return new ArgumentError(
      disposed ? 'DISPOSED' : 'ARGUMENT',
      `${where}: expected ${expected} for ${argument}, got ${got}${todo}`,
      { ...details, argument, expected, got },
    )
  }
  const message = firstLines(failure.message)
  const shapes = failure.shapes.length > 0 ? ` (tensor arguments of shape ${failure.shapes.map(show).join(', ')})` : ''
  if (failure.kind === 'memory') {
    return new TorchOutOfMemoryError(
      'OUT_OF_MEMORY',
      `${where}: out of memory${shapes}: ${message}; use a smaller batch or a shorter length`,
      details,
    )
  }
  for (const [pattern, code, todo, instead] of advice) {
    if (!pattern.test(message)) continue
    if (code === 'NO_FORWARD_DERIVATIVE') {
      // Only the message knows it: the operator that was called is often made of others, and a backward pass of many.
      details.op = /forward AD with (?:aten::)?(\S+)/.exec(message)?.[1] ?? where
      return new TorchError(code, `${details.op}: ${instead}${shapes}; ${todo}`, details)
    }
    return new TorchError(code, `${where}: ${instead ?? message}${shapes}; ${todo}`, details)
  }
  if (failure.shapes.length > 0 && shapeMessage.test(message)) {
    return new ShapeError('SHAPE', `${where}: ${message}${shapes}`, details)
  }
  return new TorchError('TORCH', `${where}: ${message}${shapes}`, details)
}

function show(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`
}

// libtorch adds source positions and long hints after its first sentences.
function firstLines(message: string): string {
  const text = message.split('\nException raised from')[0] ?? message
  return text.replace(/\s+/g, ' ').trim().slice(0, 600)
}
