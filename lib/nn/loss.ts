import { ShapeError } from '../errors.ts'
import { binaryCrossEntropyWithLogits, crossEntropyLoss, mseLoss, to } from '../ops/index.ts'
import { isFloating, itemSize, type Tensor } from '../tensor/index.ts'

/** How the elements of a loss become one number. */
export type Reduction = 'none' | 'mean' | 'sum'

/** Options of `crossEntropy`. */
export interface CrossEntropyOptions {
  /** Weight of each class, [classes]. */
  weight?: Tensor
  reduction?: Reduction
  /** Targets of this value count for nothing; -100 unless said otherwise. */
  ignoreIndex?: number
  /** Share of the target that is spread over all classes. */
  labelSmoothing?: number
}

/**
 * Cross-entropy of logits [batch, classes] against class indices [batch] (int64).
 *
 * @throws ShapeError where the shapes do not fit.
 */
export function crossEntropy(logits: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  if (logits.ndim !== 2 || target.ndim !== 1 || logits.shape[0] !== target.shape[0]) {
    throw mismatch('crossEntropy', 'logits [batch, classes] and target [batch]', logits, target)
  }
  return crossEntropyLoss(logits, target, options)
}

/**
 * Mean squared error of two tensors of one shape.
 *
 * @throws ShapeError where the shapes differ: [batch, 1] against [batch] would silently compare all with all.
 */
export function meanSquaredError(prediction: Tensor, target: Tensor, options: { reduction?: Reduction } = {}): Tensor {
  if (!sameShape(prediction, target)) throw mismatch('meanSquaredError', 'equal shapes', prediction, target)
  return mseLoss(...inOneDtype(prediction, target), options)
}

/** Options of `binaryCrossEntropy`. */
export interface BinaryCrossEntropyOptions {
  weight?: Tensor
  /** Weight of the positive examples of each class, [classes]. */
  posWeight?: Tensor
  reduction?: Reduction
}

/**
 * Binary cross-entropy of each logit against targets from 0 to 1 of the same shape: the loss of several labels at once.
 *
 * @throws ShapeError where the shapes differ.
 */
export function binaryCrossEntropy(logits: Tensor, target: Tensor, options: BinaryCrossEntropyOptions = {}): Tensor {
  if (!sameShape(logits, target)) throw mismatch('binaryCrossEntropy', 'equal shapes', logits, target)
  return binaryCrossEntropyWithLogits(...inOneDtype(logits, target), options)
}

/**
 * Both in the wider dtype of the two, as a loss promotes; libtorch's binary cross-entropy keeps the target's instead and
 * so computes with float32 what is float64.
 */
function inOneDtype(a: Tensor, target: Tensor): [Tensor, Tensor] {
  if (a.dtype === target.dtype) return [a, target]
  const targetIsWider = isFloating(target.dtype) && itemSize[target.dtype] > itemSize[a.dtype]
  const dtype = targetIsWider ? target.dtype : a.dtype
  return [to(a, { dtype }), to(target, { dtype })]
}

function sameShape(a: Tensor, b: Tensor): boolean {
  return a.ndim === b.ndim && a.shape.every((size, dim) => size === b.shape[dim])
}

function mismatch(where: string, expected: string, a: Tensor, b: Tensor): ShapeError {
  const got = `[${a.shape.join(', ')}] and [${b.shape.join(', ')}]`
  return new ShapeError('SHAPE_MISMATCH', `${where}: expected ${expected}, got ${got}`, { shapes: [a.shape, b.shape] })
}
