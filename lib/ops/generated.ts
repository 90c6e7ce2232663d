// Made by `npm run ops` from table.ts and libtorch's schemas. Do not edit.
import type { DType } from '../tensor/index.ts'
import { Tensor } from '../tensor/index.ts'
import { checkOptions, installMethods, op } from './bound.ts'

/** Sum of two tensors, `other` scaled by `alpha`. `aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor` */
export function add(input: Tensor, other: Tensor | number, options?: { alpha?: number | boolean }): Tensor {
  if (options !== undefined) checkOptions(0, options)
  return op(0)(input, other, options?.alpha) as Tensor
}

/** Difference of two tensors, `other` scaled by `alpha`. `aten::sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor` */
export function sub(input: Tensor, other: Tensor | number, options?: { alpha?: number | boolean }): Tensor {
  if (options !== undefined) checkOptions(1, options)
  return op(1)(input, other, options?.alpha) as Tensor
}

/** Product, element by element. `aten::mul.Tensor(Tensor self, Tensor other) -> Tensor` */
export function mul(input: Tensor, other: Tensor | number): Tensor {
  return op(2)(input, other) as Tensor
}

/** Quotient, element by element. `aten::div.Tensor(Tensor self, Tensor other) -> Tensor` */
export function div(input: Tensor, other: Tensor | number): Tensor {
  return op(3)(input, other) as Tensor
}

/** Quotient rounded by `roundingMode` 'trunc' or 'floor'. `aten::div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor` */
export function divRounding(input: Tensor, other: Tensor | number, options?: { roundingMode?: string | null }): Tensor {
  if (options !== undefined) checkOptions(4, options)
  return op(4)(input, other, options?.roundingMode) as Tensor
}

/** Quotient rounded down. `aten::floor_divide(Tensor self, Tensor other) -> Tensor` */
export function floorDivide(input: Tensor, other: Tensor | number): Tensor {
  return op(5)(input, other) as Tensor
}

/** Remainder with the sign of the divisor. `aten::remainder.Tensor(Tensor self, Tensor other) -> Tensor` */
export function remainder(input: Tensor, other: Tensor | number): Tensor {
  return op(6)(input, other) as Tensor
}

/** Power with a number as exponent. `aten::pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor` */
export function pow(input: Tensor, exponent: number | boolean): Tensor {
  return op(7)(input, exponent) as Tensor
}

/** Power with a tensor as exponent. `aten::pow.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor` */
export function powTensor(input: Tensor, exponent: Tensor | number): Tensor {
  return op(8)(input, exponent) as Tensor
}

/** Negative. `aten::neg(Tensor self) -> Tensor` */
export function neg(input: Tensor): Tensor {
  return op(9)(input) as Tensor
}

/** Absolute value. `aten::abs(Tensor self) -> Tensor` */
export function abs(input: Tensor): Tensor {
  return op(10)(input) as Tensor
}

/** Sign: -1, 0 or 1. `aten::sign(Tensor self) -> Tensor` */
export function sign(input: Tensor): Tensor {
  return op(11)(input) as Tensor
}

/** Square. `aten::square(Tensor self) -> Tensor` */
export function square(input: Tensor): Tensor {
  return op(12)(input) as Tensor
}

/** Square root. `aten::sqrt(Tensor self) -> Tensor` */
export function sqrt(input: Tensor): Tensor {
  return op(13)(input) as Tensor
}

/** Reciprocal of the square root. `aten::rsqrt(Tensor self) -> Tensor` */
export function rsqrt(input: Tensor): Tensor {
  return op(14)(input) as Tensor
}

/** Reciprocal. `aten::reciprocal(Tensor self) -> Tensor` */
export function reciprocal(input: Tensor): Tensor {
  return op(15)(input) as Tensor
}

/** Exponential. `aten::exp(Tensor self) -> Tensor` */
export function exp(input: Tensor): Tensor {
  return op(16)(input) as Tensor
}

/** Exponential minus one. `aten::expm1(Tensor self) -> Tensor` */
export function expm1(input: Tensor): Tensor {
  return op(17)(input) as Tensor
}

/** Natural logarithm. `aten::log(Tensor self) -> Tensor` */
export function log(input: Tensor): Tensor {
  return op(18)(input) as Tensor
}

/** Natural logarithm of one plus the input. `aten::log1p(Tensor self) -> Tensor` */
export function log1p(input: Tensor): Tensor {
  return op(19)(input) as Tensor
}

/** Sine. `aten::sin(Tensor self) -> Tensor` */
export function sin(input: Tensor): Tensor {
  return op(20)(input) as Tensor
}

/** Cosine. `aten::cos(Tensor self) -> Tensor` */
export function cos(input: Tensor): Tensor {
  return op(21)(input) as Tensor
}

/** Error function. `aten::erf(Tensor self) -> Tensor` */
export function erf(input: Tensor): Tensor {
  return op(22)(input) as Tensor
}

/** Rounded down. `aten::floor(Tensor self) -> Tensor` */
export function floor(input: Tensor): Tensor {
  return op(23)(input) as Tensor
}

/** Rounded up. `aten::ceil(Tensor self) -> Tensor` */
export function ceil(input: Tensor): Tensor {
  return op(24)(input) as Tensor
}

/** Rounded to even. `aten::round(Tensor self) -> Tensor` */
export function round(input: Tensor): Tensor {
  return op(25)(input) as Tensor
}

/** Limited to [`min`, `max`]. `aten::clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor` */
export function clamp(input: Tensor, options?: { min?: number | boolean | null; max?: number | boolean | null }): Tensor {
  if (options !== undefined) checkOptions(26, options)
  return op(26)(input, options?.min, options?.max) as Tensor
}

/** Larger of two, element by element. `aten::maximum(Tensor self, Tensor other) -> Tensor` */
export function maximum(input: Tensor, other: Tensor | number): Tensor {
  return op(27)(input, other) as Tensor
}

/** Smaller of two, element by element. `aten::minimum(Tensor self, Tensor other) -> Tensor` */
export function minimum(input: Tensor, other: Tensor | number): Tensor {
  return op(28)(input, other) as Tensor
}

/** Input plus `value` times the product of two tensors. `aten::addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor` */
export function addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, options?: { value?: number | boolean }): Tensor {
  if (options !== undefined) checkOptions(29, options)
  return op(29)(input, tensor1, tensor2, options?.value) as Tensor
}

/** Input plus `value` times the quotient of two tensors. `aten::addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor` */
export function addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, options?: { value?: number | boolean }): Tensor {
  if (options !== undefined) checkOptions(30, options)
  return op(30)(input, tensor1, tensor2, options?.value) as Tensor
}

/** Linear interpolation with a number as weight. `aten::lerp.Scalar(Tensor self, Tensor end, Scalar weight) -> Tensor` */
export function lerp(input: Tensor, end: Tensor, weight: number | boolean): Tensor {
  return op(31)(input, end, weight) as Tensor
}

/** Linear interpolation with a tensor as weight. `aten::lerp.Tensor(Tensor self, Tensor end, Tensor weight) -> Tensor` */
export function lerpTensor(input: Tensor, end: Tensor, weight: Tensor): Tensor {
  return op(32)(input, end, weight) as Tensor
}

/** `self` where the condition holds, else `other`. `aten::where.self(Tensor condition, Tensor self, Tensor other) -> Tensor` */
export function where(condition: Tensor, input: Tensor | number, other: Tensor | number): Tensor {
  return op(33)(condition, input, other) as Tensor
}

/** Rectified linear unit. `aten::relu(Tensor self) -> Tensor` */
export function relu(input: Tensor): Tensor {
  return op(34)(input) as Tensor
}

/** Gaussian error linear unit, exact or by 'tanh' (`approximate`). `aten::gelu(Tensor self, *, str approximate="none") -> Tensor` */
export function gelu(input: Tensor, options?: { approximate?: string }): Tensor {
  if (options !== undefined) checkOptions(35, options)
  return op(35)(input, options?.approximate) as Tensor
}

/** Sigmoid linear unit. `aten::silu(Tensor self) -> Tensor` */
export function silu(input: Tensor): Tensor {
  return op(36)(input) as Tensor
}

/** Hyperbolic tangent. `aten::tanh(Tensor self) -> Tensor` */
export function tanh(input: Tensor): Tensor {
  return op(37)(input) as Tensor
}

/** Logistic function. `aten::sigmoid(Tensor self) -> Tensor` */
export function sigmoid(input: Tensor): Tensor {
  return op(38)(input) as Tensor
}

/** Logarithm of the logistic function. `aten::log_sigmoid(Tensor self) -> Tensor` */
export function logSigmoid(input: Tensor): Tensor {
  return op(39)(input) as Tensor
}

/** Smooth form of relu. `aten::softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor` */
export function softplus(input: Tensor, options?: { beta?: number | boolean; threshold?: number | boolean }): Tensor {
  if (options !== undefined) checkOptions(40, options)
  return op(40)(input, options?.beta, options?.threshold) as Tensor
}

/** Softmax along a dimension. `aten::softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor` */
export function softmax(input: Tensor, dim: number, options?: { dtype?: DType | null }): Tensor {
  if (options !== undefined) checkOptions(41, options)
  return op(41)(input, dim, options?.dtype) as Tensor
}

/** Logarithm of the softmax along a dimension. `aten::log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor` */
export function logSoftmax(input: Tensor, dim: number, options?: { dtype?: DType | null }): Tensor {
  if (options !== undefined) checkOptions(42, options)
  return op(42)(input, dim, options?.dtype) as Tensor
}

/** Equal, element by element. `aten::eq.Tensor(Tensor self, Tensor other) -> Tensor` */
export function eq(input: Tensor, other: Tensor | number): Tensor {
  return op(43)(input, other) as Tensor
}

/** Not equal, element by element. `aten::ne.Tensor(Tensor self, Tensor other) -> Tensor` */
export function ne(input: Tensor, other: Tensor | number): Tensor {
  return op(44)(input, other) as Tensor
}

/** Less, element by element. `aten::lt.Tensor(Tensor self, Tensor other) -> Tensor` */
export function lt(input: Tensor, other: Tensor | number): Tensor {
  return op(45)(input, other) as Tensor
}

/** Less or equal, element by element. `aten::le.Tensor(Tensor self, Tensor other) -> Tensor` */
export function le(input: Tensor, other: Tensor | number): Tensor {
  return op(46)(input, other) as Tensor
}

/** Greater, element by element. `aten::gt.Tensor(Tensor self, Tensor other) -> Tensor` */
export function gt(input: Tensor, other: Tensor | number): Tensor {
  return op(47)(input, other) as Tensor
}

/** Greater or equal, element by element. `aten::ge.Tensor(Tensor self, Tensor other) -> Tensor` */
export function ge(input: Tensor, other: Tensor | number): Tensor {
  return op(48)(input, other) as Tensor
}

/** Both not zero. `aten::logical_and(Tensor self, Tensor other) -> Tensor` */
export function logicalAnd(input: Tensor, other: Tensor): Tensor {
  return op(49)(input, other) as Tensor
}

/** One not zero. `aten::logical_or(Tensor self, Tensor other) -> Tensor` */
export function logicalOr(input: Tensor, other: Tensor): Tensor {
  return op(50)(input, other) as Tensor
}

/** Zero. `aten::logical_not(Tensor self) -> Tensor` */
export function logicalNot(input: Tensor): Tensor {
  return op(51)(input) as Tensor
}

/** Whether an element is NaN. `aten::isnan(Tensor self) -> Tensor` */
export function isnan(input: Tensor): Tensor {
  return op(52)(input) as Tensor
}

/** Whether an element is infinite. `aten::isinf(Tensor self) -> Tensor` */
export function isinf(input: Tensor): Tensor {
  return op(53)(input) as Tensor
}

/** Whether an element is neither NaN nor infinite. `aten::isfinite(Tensor self) -> Tensor` */
export function isfinite(input: Tensor): Tensor {
  return op(54)(input) as Tensor
}

/** Whether shape and all elements agree (a boolean, not a tensor). `aten::equal(Tensor self, Tensor other) -> bool` */
export function equal(input: Tensor, other: Tensor): boolean {
  return op(55)(input, other) as boolean
}

/** Whether all elements agree within `rtol` and `atol` (a boolean). `aten::allclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False) -> bool` */
export function allclose(input: Tensor, other: Tensor, options?: { rtol?: number; atol?: number; equalNan?: boolean }): boolean {
  if (options !== undefined) checkOptions(56, options)
  return op(56)(input, other, options?.rtol, options?.atol, options?.equalNan) as boolean
}

/** Whether elements agree within `rtol` and `atol`. `aten::isclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False) -> Tensor` */
export function isclose(input: Tensor, other: Tensor, options?: { rtol?: number; atol?: number; equalNan?: boolean }): Tensor {
  if (options !== undefined) checkOptions(57, options)
  return op(57)(input, other, options?.rtol, options?.atol, options?.equalNan) as Tensor
}

/** Sum over `dim`, or over all. `aten::sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
export function sum(input: Tensor, options?: { dim?: readonly number[] | number | null; keepdim?: boolean; dtype?: DType | null }): Tensor {
  if (options !== undefined) checkOptions(58, options)
  return op(58)(input, options?.dim, options?.keepdim, options?.dtype) as Tensor
}

/** Mean over `dim`, or over all. `aten::mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
export function mean(input: Tensor, options?: { dim?: readonly number[] | number | null; keepdim?: boolean; dtype?: DType | null }): Tensor {
  if (options !== undefined) checkOptions(59, options)
  return op(59)(input, options?.dim, options?.keepdim, options?.dtype) as Tensor
}

/** Product of all elements. `aten::prod(Tensor self, *, ScalarType? dtype=None) -> Tensor` */
export function prod(input: Tensor, options?: { dtype?: DType | null }): Tensor {
  if (options !== undefined) checkOptions(60, options)
  return op(60)(input, options?.dtype) as Tensor
}

/** Product along a dimension. `aten::prod.dim_int(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
export function prodDim(input: Tensor, dim: number, options?: { keepdim?: boolean; dtype?: DType | null }): Tensor {
  if (options !== undefined) checkOptions(61, options)
  return op(61)(input, dim, options?.keepdim, options?.dtype) as Tensor
}

/** Standard deviation over `dim`, with `correction` (default 1) in the divisor. `aten::std.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor` */
export function std(input: Tensor, options?: { dim?: readonly number[] | number | null; correction?: number | boolean | null; keepdim?: boolean }): Tensor {
  if (options !== undefined) checkOptions(62, options)
  return op(62)(input, options?.dim, options?.correction, options?.keepdim) as Tensor
}

/** Variance over `dim`, with `correction` (default 1) in the divisor. `aten::var.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor` */
export function variance(input: Tensor, options?: { dim?: readonly number[] | number | null; correction?: number | boolean | null; keepdim?: boolean }): Tensor {
  if (options !== undefined) checkOptions(63, options)
  return op(63)(input, options?.dim, options?.correction, options?.keepdim) as Tensor
}

/** Largest element over `dim`, or over all. `aten::amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor` */
export function amax(input: Tensor, options?: { dim?: readonly number[] | number; keepdim?: boolean }): Tensor {
  if (options !== undefined) checkOptions(64, options)
  return op(64)(input, options?.dim, options?.keepdim) as Tensor
}

/** Smallest element over `dim`, or over all. `aten::amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor` */
export function amin(input: Tensor, options?: { dim?: readonly number[] | number; keepdim?: boolean }): Tensor {
  if (options !== undefined) checkOptions(65, options)
  return op(65)(input, options?.dim, options?.keepdim) as Tensor
}

/** Largest element of all. `aten::max(Tensor self) -> Tensor` */
export function max(input: Tensor): Tensor {
  return op(66)(input) as Tensor
}

/** Smallest element of all. `aten::min(Tensor self) -> Tensor` */
export function min(input: Tensor): Tensor {
  return op(67)(input) as Tensor
}

/** Largest elements along a dimension, and where they are. `aten::max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)` */
export function maxDim(input: Tensor, dim: number, options?: { keepdim?: boolean }): [Tensor, Tensor] {
  if (options !== undefined) checkOptions(68, options)
  return op(68)(input, dim, options?.keepdim) as [Tensor, Tensor]
}

/** Smallest elements along a dimension, and where they are. `aten::min.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)` */
export function minDim(input: Tensor, dim: number, options?: { keepdim?: boolean }): [Tensor, Tensor] {
  if (options !== undefined) checkOptions(69, options)
  return op(69)(input, dim, options?.keepdim) as [Tensor, Tensor]
}

/** Index of the largest element. `aten::argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor` */
export function argmax(input: Tensor, options?: { dim?: number | null; keepdim?: boolean }): Tensor {
  if (options !== undefined) checkOptions(70, options)
  return op(70)(input, options?.dim, options?.keepdim) as Tensor
}

/** Index of the smallest element. `aten::argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor` */
export function argmin(input: Tensor, options?: { dim?: number | null; keepdim?: boolean }): Tensor {
  if (options !== undefined) checkOptions(71, options)
  return op(71)(input, options?.dim, options?.keepdim) as Tensor
}

/** Whether all elements over `dim` are true. `aten::all.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor` */
export function all(input: Tensor, options?: { dim?: readonly number[] | null; keepdim?: boolean }): Tensor {
  if (options !== undefined) checkOptions(72, options)
  return op(72)(input, options?.dim, options?.keepdim) as Tensor
}

/** Whether an element over `dim` is true. `aten::any.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor` */
export function any(input: Tensor, options?: { dim?: readonly number[] | null; keepdim?: boolean }): Tensor {
  if (options !== undefined) checkOptions(73, options)
  return op(73)(input, options?.dim, options?.keepdim) as Tensor
}

/** Logarithm of the sum of exponentials over dimensions. `aten::logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor` */
export function logsumexp(input: Tensor, dim: readonly number[] | number, options?: { keepdim?: boolean }): Tensor {
  if (options !== undefined) checkOptions(74, options)
  return op(74)(input, dim, options?.keepdim) as Tensor
}

/** Running sum along a dimension. `aten::cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor` */
export function cumsum(input: Tensor, dim: number, options?: { dtype?: DType | null }): Tensor {
  if (options !== undefined) checkOptions(75, options)
  return op(75)(input, dim, options?.dtype) as Tensor
}

/** Running product along a dimension. `aten::cumprod(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor` */
export function cumprod(input: Tensor, dim: number, options?: { dtype?: DType | null }): Tensor {
  if (options !== undefined) checkOptions(76, options)
  return op(76)(input, dim, options?.dtype) as Tensor
}

/** How many elements over `dim` are not zero. `aten::count_nonzero.dim_IntList(Tensor self, int[] dim) -> Tensor` */
export function countNonzero(input: Tensor, options: { dim: readonly number[] }): Tensor {
  if (options !== undefined) checkOptions(77, options)
  return op(77)(input, options?.dim) as Tensor
}

/** The same as linalgVectorNorm. `aten::linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
export function norm(input: Tensor, options?: { ord?: number | boolean; dim?: readonly number[] | number | null; keepdim?: boolean; dtype?: DType | null }): Tensor {
  if (options !== undefined) checkOptions(78, options)
  return op(78)(input, options?.ord, options?.dim, options?.keepdim, options?.dtype) as Tensor
}

/** Norm of order `ord` (default 2) over `dim`. `aten::linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
export function linalgVectorNorm(input: Tensor, options?: { ord?: number | boolean; dim?: readonly number[] | number | null; keepdim?: boolean; dtype?: DType | null }): Tensor {
  if (options !== undefined) checkOptions(79, options)
  return op(79)(input, options?.ord, options?.dim, options?.keepdim, options?.dtype) as Tensor
}

/** The k largest elements along `dim`, and where they are. `aten::topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)` */
export function topk(input: Tensor, k: number, options?: { dim?: number; largest?: boolean; sorted?: boolean }): [Tensor, Tensor] {
  if (options !== undefined) checkOptions(80, options)
  return op(80)(input, k, options?.dim, options?.largest, options?.sorted) as [Tensor, Tensor]
}

/** Sorted along `dim`, and where the elements were. `aten::sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)` */
export function sort(input: Tensor, options?: { dim?: number; descending?: boolean }): [Tensor, Tensor] {
  if (options !== undefined) checkOptions(81, options)
  return op(81)(input, options?.dim, options?.descending) as [Tensor, Tensor]
}

/** Indices that sort along `dim`. `aten::argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor` */
export function argsort(input: Tensor, options?: { dim?: number; descending?: boolean }): Tensor {
  if (options !== undefined) checkOptions(82, options)
  return op(82)(input, options?.dim, options?.descending) as Tensor
}

/** Matrix product, batched by the leading dimensions. `aten::matmul(Tensor self, Tensor other) -> Tensor` */
export function matmul(input: Tensor, other: Tensor): Tensor {
  return op(83)(input, other) as Tensor
}

/** Product of two matrices. `aten::mm(Tensor self, Tensor mat2) -> Tensor` */
export function mm(input: Tensor, mat2: Tensor): Tensor {
  return op(84)(input, mat2) as Tensor
}

/** Product of two batches of matrices. `aten::bmm(Tensor self, Tensor mat2) -> Tensor` */
export function bmm(input: Tensor, mat2: Tensor): Tensor {
  return op(85)(input, mat2) as Tensor
}

/** Product of a matrix and a vector. `aten::mv(Tensor self, Tensor vec) -> Tensor` */
export function mv(input: Tensor, vec: Tensor): Tensor {
  return op(86)(input, vec) as Tensor
}

/** Inner product of two vectors. `aten::dot(Tensor self, Tensor tensor) -> Tensor` */
export function dot(input: Tensor, tensor: Tensor): Tensor {
  return op(87)(input, tensor) as Tensor
}

/** Outer product of two vectors. `aten::outer(Tensor self, Tensor vec2) -> Tensor` */
export function outer(input: Tensor, vec2: Tensor): Tensor {
  return op(88)(input, vec2) as Tensor
}

/** `beta` times the input plus `alpha` times a product of two matrices. `aten::addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor` */
export function addmm(input: Tensor, mat1: Tensor, mat2: Tensor, options?: { beta?: number | boolean; alpha?: number | boolean }): Tensor {
  if (options !== undefined) checkOptions(89, options)
  return op(89)(input, mat1, mat2, options?.beta, options?.alpha) as Tensor
}

/** `beta` times the input plus `alpha` times a product of a matrix and a vector. `aten::addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor` */
export function addmv(input: Tensor, mat: Tensor, vec: Tensor, options?: { beta?: number | boolean; alpha?: number | boolean }): Tensor {
  if (options !== undefined) checkOptions(90, options)
  return op(90)(input, mat, vec, options?.beta, options?.alpha) as Tensor
}

/** The same as addmm for batches. `aten::baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor` */
export function baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, options?: { beta?: number | boolean; alpha?: number | boolean }): Tensor {
  if (options !== undefined) checkOptions(91, options)
  return op(91)(input, batch1, batch2, options?.beta, options?.alpha) as Tensor
}

/** x times the transposed weight [out, in], plus the bias [out]. `aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor` */
export function linear(input: Tensor, weight: Tensor, bias?: Tensor | null): Tensor {
  return op(92)(input, weight, bias) as Tensor
}

/** Sum of products by Einstein's notation. `aten::einsum(str equation, Tensor[] tensors, *, int[]? path=None) -> Tensor` */
export function einsum(equation: string, tensors: readonly Tensor[], options?: { path?: readonly number[] | null }): Tensor {
  if (options !== undefined) checkOptions(93, options)
  return op(93)(equation, tensors, options?.path) as Tensor
}

/** Sum of the diagonal of a matrix. `aten::trace(Tensor self) -> Tensor` */
export function trace(input: Tensor): Tensor {
  return op(94)(input) as Tensor
}

/** Lower triangle, from `diagonal`. `aten::tril(Tensor self, SymInt diagonal=0) -> Tensor` */
export function tril(input: Tensor, options?: { diagonal?: number }): Tensor {
  if (options !== undefined) checkOptions(95, options)
  return op(95)(input, options?.diagonal) as Tensor
}

/** Upper triangle, from `diagonal`. `aten::triu(Tensor self, SymInt diagonal=0) -> Tensor` */
export function triu(input: Tensor, options?: { diagonal?: number }): Tensor {
  if (options !== undefined) checkOptions(96, options)
  return op(96)(input, options?.diagonal) as Tensor
}

/** View of the diagonal. `aten::diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)` */
export function diagonal(input: Tensor, options?: { offset?: number; dim1?: number; dim2?: number }): Tensor {
  if (options !== undefined) checkOptions(97, options)
  return op(97)(input, options?.offset, options?.dim1, options?.dim2) as Tensor
}

/** Matrices with the input as diagonal. `aten::diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor` */
export function diagEmbed(input: Tensor, options?: { offset?: number; dim1?: number; dim2?: number }): Tensor {
  if (options !== undefined) checkOptions(98, options)
  return op(98)(input, options?.offset, options?.dim1, options?.dim2) as Tensor
}

/** Solution of a linear system. `aten::linalg_solve(Tensor A, Tensor B, *, bool left=True) -> Tensor` */
export function linalgSolve(A: Tensor, B: Tensor, options?: { left?: boolean }): Tensor {
  if (options !== undefined) checkOptions(99, options)
  return op(99)(A, B, options?.left) as Tensor
}

/** Inverse of a matrix. `aten::linalg_inv(Tensor A) -> Tensor` */
export function linalgInv(A: Tensor): Tensor {
  return op(100)(A) as Tensor
}

/** QR decomposition. `aten::linalg_qr(Tensor A, str mode="reduced") -> (Tensor Q, Tensor R)` */
export function linalgQr(A: Tensor, options?: { mode?: string }): [Tensor, Tensor] {
  if (options !== undefined) checkOptions(101, options)
  return op(101)(A, options?.mode) as [Tensor, Tensor]
}

/** The same elements in another shape; -1 stands for what remains. `aten::reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)` */
export function reshape(input: Tensor, shape: readonly number[]): Tensor {
  return op(102)(input, shape) as Tensor
}

/** The same memory in another shape. `aten::view(Tensor(a) self, SymInt[] size) -> Tensor(a)` */
export function view(input: Tensor, size: readonly number[]): Tensor {
  return op(103)(input, size) as Tensor
}

/** Dimensions from `startDim` to `endDim` in one. `aten::flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)` */
export function flatten(input: Tensor, options?: { startDim?: number; endDim?: number }): Tensor {
  if (options !== undefined) checkOptions(104, options)
  return op(104)(input, options?.startDim, options?.endDim) as Tensor
}

/** Two dimensions exchanged. `aten::transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)` */
export function transpose(input: Tensor, dim0: number, dim1: number): Tensor {
  return op(105)(input, dim0, dim1) as Tensor
}

/** Dimensions in another order. `aten::permute(Tensor(a) self, int[] dims) -> Tensor(a)` */
export function permute(input: Tensor, dims: readonly number[]): Tensor {
  return op(106)(input, dims) as Tensor
}

/** A matrix transposed. `aten::t(Tensor(a) self) -> Tensor(a)` */
export function t(input: Tensor): Tensor {
  return op(107)(input) as Tensor
}

/** A dimension of size 1 put in. `aten::unsqueeze(Tensor(a) self, int dim) -> Tensor(a)` */
export function unsqueeze(input: Tensor, dim: number): Tensor {
  return op(108)(input, dim) as Tensor
}

/** All dimensions of size 1 taken out. `aten::squeeze(Tensor(a) self) -> Tensor(a)` */
export function squeeze(input: Tensor): Tensor {
  return op(109)(input) as Tensor
}

/** One dimension of size 1 taken out. `aten::squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)` */
export function squeezeDim(input: Tensor, dim: number): Tensor {
  return op(110)(input, dim) as Tensor
}

/** Dimensions of size 1 repeated without a copy. `aten::expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)` */
export function expand(input: Tensor, size: readonly number[]): Tensor {
  return op(111)(input, size) as Tensor
}

/** Expanded to the shape of another tensor. `aten::expand_as(Tensor(a) self, Tensor other) -> Tensor(a)` */
export function expandAs(input: Tensor, other: Tensor): Tensor {
  return op(112)(input, other) as Tensor
}

/** Expanded to a shape. `aten::broadcast_to(Tensor(a) self, SymInt[] size) -> Tensor(a)` */
export function broadcastTo(input: Tensor, size: readonly number[]): Tensor {
  return op(113)(input, size) as Tensor
}

/** Repeated with a copy. `aten::repeat(Tensor self, SymInt[] repeats) -> Tensor` */
export function repeat(input: Tensor, repeats: readonly number[]): Tensor {
  return op(114)(input, repeats) as Tensor
}

/** Each element repeated. `aten::repeat_interleave.self_int(Tensor self, SymInt repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor` */
export function repeatInterleave(input: Tensor, repeats: number, options?: { dim?: number | null; outputSize?: number | null }): Tensor {
  if (options !== undefined) checkOptions(115, options)
  return op(115)(input, repeats, options?.dim, options?.outputSize) as Tensor
}

/** The same elements in row order; the input itself where they are. `aten::contiguous(Tensor(a) self, *, MemoryFormat memory_format=0) -> Tensor(a)` */
export function contiguous(input: Tensor): Tensor {
  return op(116)(input) as Tensor
}

/** A copy that keeps the graph. `aten::clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor` */
export function clone(input: Tensor): Tensor {
  return op(117)(input) as Tensor
}

/** The same memory without the graph. `aten::detach(Tensor(a) self) -> Tensor(a)` */
export function detach(input: Tensor): Tensor {
  return op(118)(input) as Tensor
}

/** A view of the whole. `aten::alias(Tensor(a) self) -> Tensor(a)` */
export function alias(input: Tensor): Tensor {
  return op(119)(input) as Tensor
}

/** Tensors joined along `dim`. `aten::cat(Tensor[] tensors, int dim=0) -> Tensor` */
export function cat(tensors: readonly Tensor[], options?: { dim?: number }): Tensor {
  if (options !== undefined) checkOptions(120, options)
  return op(120)(tensors, options?.dim) as Tensor
}

/** Tensors joined along a new `dim`. `aten::stack(Tensor[] tensors, int dim=0) -> Tensor` */
export function stack(tensors: readonly Tensor[], options?: { dim?: number }): Tensor {
  if (options !== undefined) checkOptions(121, options)
  return op(121)(tensors, options?.dim) as Tensor
}

/** Parts of a size along `dim`. `aten::split.Tensor(Tensor(a -> *) self, SymInt split_size, int dim=0) -> Tensor(a)[]` */
export function split(input: Tensor, splitSize: number, options?: { dim?: number }): Tensor[] {
  if (options !== undefined) checkOptions(122, options)
  return op(122)(input, splitSize, options?.dim) as Tensor[]
}

/** Parts of given sizes along `dim`. `aten::split_with_sizes(Tensor(a -> *) self, SymInt[] split_sizes, int dim=0) -> Tensor(a)[]` */
export function splitSizes(input: Tensor, splitSizes: readonly number[], options?: { dim?: number }): Tensor[] {
  if (options !== undefined) checkOptions(123, options)
  return op(123)(input, splitSizes, options?.dim) as Tensor[]
}

/** A number of parts along `dim`. `aten::chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]` */
export function chunk(input: Tensor, chunks: number, options?: { dim?: number }): Tensor[] {
  if (options !== undefined) checkOptions(124, options)
  return op(124)(input, chunks, options?.dim) as Tensor[]
}

/** The slices along `dim`. `aten::unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]` */
export function unbind(input: Tensor, options?: { dim?: number }): Tensor[] {
  if (options !== undefined) checkOptions(125, options)
  return op(125)(input, options?.dim) as Tensor[]
}

/** Reversed along dimensions. `aten::flip(Tensor self, int[] dims) -> Tensor` */
export function flip(input: Tensor, dims: readonly number[]): Tensor {
  return op(126)(input, dims) as Tensor
}

/** Shifted round along `dims`. `aten::roll(Tensor self, SymInt[1] shifts, int[1] dims=[]) -> Tensor` */
export function roll(input: Tensor, shifts: readonly number[] | number, options?: { dims?: readonly number[] | number }): Tensor {
  if (options !== undefined) checkOptions(127, options)
  return op(127)(input, shifts, options?.dims) as Tensor
}

/** Padded at the ends of the last dimensions. `aten::pad(Tensor self, SymInt[] pad, str mode="constant", float? value=None) -> Tensor` */
export function pad(input: Tensor, pad: readonly number[], options?: { mode?: string; value?: number | null }): Tensor {
  if (options !== undefined) checkOptions(128, options)
  return op(128)(input, pad, options?.mode, options?.value) as Tensor
}

/** One slice along a dimension. `aten::select.int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)` */
export function select(input: Tensor, dim: number, index: number): Tensor {
  return op(129)(input, dim, index) as Tensor
}

/** A range along a dimension. `aten::narrow(Tensor(a) self, int dim, SymInt start, SymInt length) -> Tensor(a)` */
export function narrow(input: Tensor, dim: number, start: number, length: number): Tensor {
  return op(130)(input, dim, start, length) as Tensor
}

/** A range from `start` to `end` by `step` along `dim`. `aten::slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)` */
export function slice(input: Tensor, options?: { dim?: number; start?: number | null; end?: number | null; step?: number }): Tensor {
  if (options !== undefined) checkOptions(131, options)
  return op(131)(input, options?.dim, options?.start, options?.end, options?.step) as Tensor
}

/** Elements at index tensors, one for each leading dimension; null takes all. `aten::index.Tensor(Tensor self, Tensor?[] indices) -> Tensor` */
export function index(input: Tensor, indices: readonly (Tensor | null)[]): Tensor {
  return op(132)(input, indices) as Tensor
}

/** Slices along a dimension at given indices. `aten::index_select(Tensor self, int dim, Tensor index) -> Tensor` */
export function indexSelect(input: Tensor, dim: number, index: Tensor): Tensor {
  return op(133)(input, dim, index) as Tensor
}

/** Slices added at given indices along a dimension. `aten::index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor` */
export function indexAdd(input: Tensor, dim: number, index: Tensor, source: Tensor, options?: { alpha?: number | boolean }): Tensor {
  if (options !== undefined) checkOptions(134, options)
  return op(134)(input, dim, index, source, options?.alpha) as Tensor
}

/** Elements along a dimension at given indices. `aten::gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor` */
export function gather(input: Tensor, dim: number, index: Tensor, options?: { sparseGrad?: boolean }): Tensor {
  if (options !== undefined) checkOptions(135, options)
  return op(135)(input, dim, index, options?.sparseGrad) as Tensor
}

/** Elements put along a dimension at given indices. `aten::scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor` */
export function scatter(input: Tensor, dim: number, index: Tensor, src: Tensor): Tensor {
  return op(136)(input, dim, index, src) as Tensor
}

/** Elements added along a dimension at given indices. `aten::scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor` */
export function scatterAdd(input: Tensor, dim: number, index: Tensor, src: Tensor): Tensor {
  return op(137)(input, dim, index, src) as Tensor
}

/** Elements along `dim` at given indices. `aten::take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor` */
export function takeAlongDim(input: Tensor, indices: Tensor, options?: { dim?: number | null }): Tensor {
  if (options !== undefined) checkOptions(138, options)
  return op(138)(input, indices, options?.dim) as Tensor
}

/** A number where the mask holds. `aten::masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor` */
export function maskedFill(input: Tensor, mask: Tensor, value: number | boolean): Tensor {
  return op(139)(input, mask, value) as Tensor
}

/** The elements where the mask holds, in a row. `aten::masked_select(Tensor self, Tensor mask) -> Tensor` */
export function maskedSelect(input: Tensor, mask: Tensor): Tensor {
  return op(140)(input, mask) as Tensor
}

/** Indices of the elements that are not zero. `aten::nonzero(Tensor self) -> Tensor` */
export function nonzero(input: Tensor): Tensor {
  return op(141)(input) as Tensor
}

/** Rows of a weight [rows, width] at indices. `aten::embedding(Tensor weight, Tensor indices, SymInt padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor` */
export function embedding(weight: Tensor, indices: Tensor, options?: { paddingIdx?: number; scaleGradByFreq?: boolean; sparse?: boolean }): Tensor {
  if (options !== undefined) checkOptions(142, options)
  return op(142)(weight, indices, options?.paddingIdx, options?.scaleGradByFreq, options?.sparse) as Tensor
}

/** Vectors with one 1 at the index. `aten::one_hot(Tensor self, int num_classes=-1) -> Tensor` */
export function oneHot(input: Tensor, options?: { numClasses?: number }): Tensor {
  if (options !== undefined) checkOptions(143, options)
  return op(143)(input, options?.numClasses) as Tensor
}

/** How often each value occurs. `aten::bincount(Tensor self, Tensor? weights=None, SymInt minlength=0) -> Tensor` */
export function bincount(input: Tensor, options?: { weights?: Tensor | null; minlength?: number }): Tensor {
  if (options !== undefined) checkOptions(144, options)
  return op(144)(input, options?.weights, options?.minlength) as Tensor
}

/** Layer norm over the last dimensions, with `weight`, `bias`, `eps`. `aten::layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enable=True) -> Tensor` */
export function layerNorm(input: Tensor, normalizedShape: readonly number[], options?: { weight?: Tensor | null; bias?: Tensor | null; eps?: number; cudnnEnable?: boolean }): Tensor {
  if (options !== undefined) checkOptions(145, options)
  return op(145)(input, normalizedShape, options?.weight, options?.bias, options?.eps, options?.cudnnEnable) as Tensor
}

/** Root mean square norm over the last dimensions. `aten::rms_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor` */
export function rmsNorm(input: Tensor, normalizedShape: readonly number[], options?: { weight?: Tensor | null; eps?: number | null }): Tensor {
  if (options !== undefined) checkOptions(146, options)
  return op(146)(input, normalizedShape, options?.weight, options?.eps) as Tensor
}

/** Cross entropy of logits [batch, classes] and class indices [batch]. `aten::cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100, float label_smoothing=0.) -> Tensor` */
export function crossEntropyLoss(input: Tensor, target: Tensor, options?: { weight?: Tensor | null; reduction?: 'none' | 'mean' | 'sum'; ignoreIndex?: number; labelSmoothing?: number }): Tensor {
  if (options !== undefined) checkOptions(147, options)
  return op(147)(input, target, options?.weight, options?.reduction, options?.ignoreIndex, options?.labelSmoothing) as Tensor
}

/** Negative log likelihood of log probabilities and class indices. `aten::nll_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor` */
export function nllLoss(input: Tensor, target: Tensor, options?: { weight?: Tensor | null; reduction?: 'none' | 'mean' | 'sum'; ignoreIndex?: number }): Tensor {
  if (options !== undefined) checkOptions(148, options)
  return op(148)(input, target, options?.weight, options?.reduction, options?.ignoreIndex) as Tensor
}

/** Mean squared error. `aten::mse_loss(Tensor self, Tensor target, int reduction=1) -> Tensor` */
export function mseLoss(input: Tensor, target: Tensor, options?: { reduction?: 'none' | 'mean' | 'sum' }): Tensor {
  if (options !== undefined) checkOptions(149, options)
  return op(149)(input, target, options?.reduction) as Tensor
}

/** Mean absolute error. `aten::l1_loss(Tensor self, Tensor target, int reduction=1) -> Tensor` */
export function l1Loss(input: Tensor, target: Tensor, options?: { reduction?: 'none' | 'mean' | 'sum' }): Tensor {
  if (options !== undefined) checkOptions(150, options)
  return op(150)(input, target, options?.reduction) as Tensor
}

/** Huber-like error with threshold `beta`. `aten::smooth_l1_loss(Tensor self, Tensor target, int reduction=1, float beta=1.) -> Tensor` */
export function smoothL1Loss(input: Tensor, target: Tensor, options?: { reduction?: 'none' | 'mean' | 'sum'; beta?: number }): Tensor {
  if (options !== undefined) checkOptions(151, options)
  return op(151)(input, target, options?.reduction, options?.beta) as Tensor
}

/** Binary cross entropy of logits. `aten::binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, int reduction=1) -> Tensor` */
export function binaryCrossEntropyWithLogits(input: Tensor, target: Tensor, options?: { weight?: Tensor | null; posWeight?: Tensor | null; reduction?: 'none' | 'mean' | 'sum' }): Tensor {
  if (options !== undefined) checkOptions(152, options)
  return op(152)(input, target, options?.weight, options?.posWeight, options?.reduction) as Tensor
}

/** Kullback-Leibler divergence. `aten::kl_div(Tensor self, Tensor target, int reduction=1, *, bool log_target=False) -> Tensor` */
export function klDiv(input: Tensor, target: Tensor, options?: { reduction?: 'none' | 'mean' | 'sum'; logTarget?: boolean }): Tensor {
  if (options !== undefined) checkOptions(153, options)
  return op(153)(input, target, options?.reduction, options?.logTarget) as Tensor
}

/** Attention of query, key and value [batch, heads, seq, headDim]. `aten::scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0., bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor` */
export function scaledDotProductAttention(query: Tensor, key: Tensor, value: Tensor, options?: { attnMask?: Tensor | null; dropoutP?: number; isCausal?: boolean; scale?: number | null; enableGqa?: boolean }): Tensor {
  if (options !== undefined) checkOptions(154, options)
  return op(154)(query, key, value, options?.attnMask, options?.dropoutP, options?.isCausal, options?.scale, options?.enableGqa) as Tensor
}

/** Convolution over one dimension. `aten::conv1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], SymInt[1] dilation=[1], SymInt groups=1) -> Tensor` */
export function conv1d(input: Tensor, weight: Tensor, options?: { bias?: Tensor | null; stride?: readonly number[] | number; padding?: readonly number[] | number; dilation?: readonly number[] | number; groups?: number }): Tensor {
  if (options !== undefined) checkOptions(155, options)
  return op(155)(input, weight, options?.bias, options?.stride, options?.padding, options?.dilation, options?.groups) as Tensor
}

/** Cosine of two tensors along `dim`. `aten::cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08) -> Tensor` */
export function cosineSimilarity(x1: Tensor, x2: Tensor, options?: { dim?: number; eps?: number }): Tensor {
  if (options !== undefined) checkOptions(156, options)
  return op(156)(x1, x2, options?.dim, options?.eps) as Tensor
}

/** Zeros. `aten::zeros(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function zeros(size: readonly number[], options?: { dtype?: DType | null; device?: string | null }): Tensor {
  if (options !== undefined) checkOptions(157, options)
  return op(157)(size, options?.dtype, undefined, options?.device) as Tensor
}

/** Ones. `aten::ones(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function ones(size: readonly number[], options?: { dtype?: DType | null; device?: string | null }): Tensor {
  if (options !== undefined) checkOptions(158, options)
  return op(158)(size, options?.dtype, undefined, options?.device) as Tensor
}

/** Memory with whatever was there. `aten::empty.memory_format(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
export function empty(size: readonly number[], options?: { dtype?: DType | null; device?: string | null }): Tensor {
  if (options !== undefined) checkOptions(159, options)
  return op(159)(size, options?.dtype, undefined, options?.device) as Tensor
}

/** One number everywhere. `aten::full(SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function full(size: readonly number[], fillValue: number | boolean, options?: { dtype?: DType | null; device?: string | null }): Tensor {
  if (options !== undefined) checkOptions(160, options)
  return op(160)(size, fillValue, options?.dtype ?? 'float32', undefined, options?.device) as Tensor
}

/** Numbers from start up to, but without, end. `aten::arange.start_step(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function arange(start: number | boolean, end: number | boolean, options?: { step?: number | boolean; dtype?: DType | null; device?: string | null }): Tensor {
  if (options !== undefined) checkOptions(161, options)
  return op(161)(start, end, options?.step, options?.dtype, undefined, options?.device) as Tensor
}

/** Numbers at equal distances, both ends included. `aten::linspace(Scalar start, Scalar end, int steps, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function linspace(start: number | boolean, end: number | boolean, steps: number, options?: { dtype?: DType | null; device?: string | null }): Tensor {
  if (options !== undefined) checkOptions(162, options)
  return op(162)(start, end, steps, options?.dtype, undefined, options?.device) as Tensor
}

/** Identity matrix. `aten::eye(SymInt n, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function eye(n: number, options?: { dtype?: DType | null; device?: string | null }): Tensor {
  if (options !== undefined) checkOptions(163, options)
  return op(163)(n, options?.dtype, undefined, options?.device) as Tensor
}

/** Zeros of another tensor's shape, dtype and device. `aten::zeros_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
export function zerosLike(input: Tensor, options?: { dtype?: DType | null; device?: string | null }): Tensor {
  if (options !== undefined) checkOptions(164, options)
  return op(164)(input, options?.dtype, undefined, options?.device) as Tensor
}

/** Ones of another tensor's shape, dtype and device. `aten::ones_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
export function onesLike(input: Tensor, options?: { dtype?: DType | null; device?: string | null }): Tensor {
  if (options !== undefined) checkOptions(165, options)
  return op(165)(input, options?.dtype, undefined, options?.device) as Tensor
}

/** Memory of another tensor's shape, dtype and device. `aten::empty_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
export function emptyLike(input: Tensor, options?: { dtype?: DType | null; device?: string | null }): Tensor {
  if (options !== undefined) checkOptions(166, options)
  return op(166)(input, options?.dtype, undefined, options?.device) as Tensor
}

/** One number in another tensor's shape, dtype and device. `aten::full_like(Tensor self, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
export function fullLike(input: Tensor, fillValue: number | boolean, options?: { dtype?: DType | null; device?: string | null }): Tensor {
  if (options !== undefined) checkOptions(167, options)
  return op(167)(input, fillValue, options?.dtype, undefined, options?.device) as Tensor
}

/** Another dtype or device; the input itself where nothing changes. `aten::to.dtype_layout(Tensor(a) self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)` */
export function to(input: Tensor, options?: { dtype?: DType | null; device?: string | null; copy?: boolean }): Tensor {
  if (options !== undefined) checkOptions(168, options)
  return op(168)(input, options?.dtype, undefined, options?.device, undefined, undefined, options?.copy) as Tensor
}

/** Uniform on [0, 1). `aten::rand.generator(SymInt[] size, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function rand(size: readonly number[], options?: { dtype?: DType | null; device?: string | null }): Tensor {
  if (options !== undefined) checkOptions(169, options)
  return op(169)(size, undefined, options?.dtype, undefined, options?.device) as Tensor
}

/** Standard normal. `aten::randn.generator(SymInt[] size, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function randn(size: readonly number[], options?: { dtype?: DType | null; device?: string | null }): Tensor {
  if (options !== undefined) checkOptions(170, options)
  return op(170)(size, undefined, options?.dtype, undefined, options?.device) as Tensor
}

/** Integers from low up to, but without, high. `aten::randint.low_generator(SymInt low, SymInt high, SymInt[] size, *, Generator? generator, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function randint(low: number, high: number, size: readonly number[], options?: { dtype?: DType | null; device?: string | null }): Tensor {
  if (options !== undefined) checkOptions(171, options)
  return op(171)(low, high, size, undefined, options?.dtype, undefined, options?.device) as Tensor
}

/** A permutation of 0 to n - 1. `aten::randperm.generator(SymInt n, *, Generator? generator, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function randperm(n: number, options?: { dtype?: DType | null; device?: string | null }): Tensor {
  if (options !== undefined) checkOptions(172, options)
  return op(172)(n, undefined, options?.dtype, undefined, options?.device) as Tensor
}

/** 1 with probability p, in the input's shape. `aten::bernoulli.p(Tensor self, float p, *, Generator? generator=None) -> Tensor` */
export function bernoulli(input: Tensor, p: number): Tensor {
  return op(173)(input, p) as Tensor
}

/** Indices drawn by weights. `aten::multinomial(Tensor self, SymInt num_samples, bool replacement=False, *, Generator? generator=None) -> Tensor` */
export function multinomial(input: Tensor, numSamples: number, options?: { replacement?: boolean }): Tensor {
  if (options !== undefined) checkOptions(174, options)
  return op(174)(input, numSamples, options?.replacement) as Tensor
}

/** Filled with 1 with probability p, else 0. `aten::bernoulli_.float(Tensor(a!) self, float p=0.5, *, Generator? generator=None) -> Tensor(a!)` */
export function bernoulli_(input: Tensor, p?: number): Tensor {
  return op(175)(input, p) as Tensor
}

/** Filled with normal numbers of `mean` and `std`. `aten::normal_(Tensor(a!) self, float mean=0., float std=1., *, Generator? generator=None) -> Tensor(a!)` */
export function normal_(input: Tensor, options?: { mean?: number; std?: number }): Tensor {
  if (options !== undefined) checkOptions(176, options)
  return op(176)(input, options?.mean, options?.std) as Tensor
}

/** Filled with uniform numbers between `from` and `to`. `aten::uniform_(Tensor(a!) self, float from=0., float to=1., *, Generator? generator=None) -> Tensor(a!)` */
export function uniform_(input: Tensor, options?: { from?: number; to?: number }): Tensor {
  if (options !== undefined) checkOptions(177, options)
  return op(177)(input, options?.from, options?.to) as Tensor
}

/** Adds `other` scaled by `alpha`, in place. `aten::add_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)` */
export function add_(input: Tensor, other: Tensor | number, options?: { alpha?: number | boolean }): Tensor {
  if (options !== undefined) checkOptions(178, options)
  return op(178)(input, other, options?.alpha) as Tensor
}

/** Subtracts `other` scaled by `alpha`, in place. `aten::sub_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)` */
export function sub_(input: Tensor, other: Tensor | number, options?: { alpha?: number | boolean }): Tensor {
  if (options !== undefined) checkOptions(179, options)
  return op(179)(input, other, options?.alpha) as Tensor
}

/** Multiplies, in place. `aten::mul_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
export function mul_(input: Tensor, other: Tensor | number): Tensor {
  return op(180)(input, other) as Tensor
}

/** Divides, in place. `aten::div_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
export function div_(input: Tensor, other: Tensor | number): Tensor {
  return op(181)(input, other) as Tensor
}

/** Raises to a power, in place. `aten::pow_.Scalar(Tensor(a!) self, Scalar exponent) -> Tensor(a!)` */
export function pow_(input: Tensor, exponent: number | boolean): Tensor {
  return op(182)(input, exponent) as Tensor
}

/** Changes the sign, in place. `aten::neg_(Tensor(a!) self) -> Tensor(a!)` */
export function neg_(input: Tensor): Tensor {
  return op(183)(input) as Tensor
}

/** Absolute value, in place. `aten::abs_(Tensor(a!) self) -> Tensor(a!)` */
export function abs_(input: Tensor): Tensor {
  return op(184)(input) as Tensor
}

/** Square root, in place. `aten::sqrt_(Tensor(a!) self) -> Tensor(a!)` */
export function sqrt_(input: Tensor): Tensor {
  return op(185)(input) as Tensor
}

/** Exponential, in place. `aten::exp_(Tensor(a!) self) -> Tensor(a!)` */
export function exp_(input: Tensor): Tensor {
  return op(186)(input) as Tensor
}

/** Limits to [`min`, `max`], in place. `aten::clamp_(Tensor(a!) self, Scalar? min=None, Scalar? max=None) -> Tensor(a!)` */
export function clamp_(input: Tensor, options?: { min?: number | boolean | null; max?: number | boolean | null }): Tensor {
  if (options !== undefined) checkOptions(187, options)
  return op(187)(input, options?.min, options?.max) as Tensor
}

/** Adds `value` times a product, in place. `aten::addcmul_(Tensor(a!) self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor(a!)` */
export function addcmul_(input: Tensor, tensor1: Tensor, tensor2: Tensor, options?: { value?: number | boolean }): Tensor {
  if (options !== undefined) checkOptions(188, options)
  return op(188)(input, tensor1, tensor2, options?.value) as Tensor
}

/** Adds `value` times a quotient, in place. `aten::addcdiv_(Tensor(a!) self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor(a!)` */
export function addcdiv_(input: Tensor, tensor1: Tensor, tensor2: Tensor, options?: { value?: number | boolean }): Tensor {
  if (options !== undefined) checkOptions(189, options)
  return op(189)(input, tensor1, tensor2, options?.value) as Tensor
}

/** Adds a product of two matrices, in place. `aten::addmm_(Tensor(a!) self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor(a!)` */
export function addmm_(input: Tensor, mat1: Tensor, mat2: Tensor, options?: { beta?: number | boolean; alpha?: number | boolean }): Tensor {
  if (options !== undefined) checkOptions(190, options)
  return op(190)(input, mat1, mat2, options?.beta, options?.alpha) as Tensor
}

/** Interpolates with a number as weight, in place. `aten::lerp_.Scalar(Tensor(a!) self, Tensor end, Scalar weight) -> Tensor(a!)` */
export function lerp_(input: Tensor, end: Tensor, weight: number | boolean): Tensor {
  return op(191)(input, end, weight) as Tensor
}

/** Copies the elements of another tensor, in place. `aten::copy_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)` */
export function copy_(input: Tensor, src: Tensor): Tensor {
  return op(192)(input, src) as Tensor
}

/** Fills with a number. `aten::fill_.Scalar(Tensor(a!) self, Scalar value) -> Tensor(a!)` */
export function fill_(input: Tensor, value: number | boolean): Tensor {
  return op(193)(input, value) as Tensor
}

/** Fills with zeros. `aten::zero_(Tensor(a!) self) -> Tensor(a!)` */
export function zero_(input: Tensor): Tensor {
  return op(194)(input) as Tensor
}

/** Fills with a number where the mask holds. `aten::masked_fill_.Scalar(Tensor(a!) self, Tensor mask, Scalar value) -> Tensor(a!)` */
export function maskedFill_(input: Tensor, mask: Tensor, value: number | boolean): Tensor {
  return op(195)(input, mask, value) as Tensor
}

/** Copies slices to given indices along a dimension. `aten::index_copy_(Tensor(a!) self, int dim, Tensor index, Tensor source) -> Tensor(a!)` */
export function indexCopy_(input: Tensor, dim: number, index: Tensor, source: Tensor): Tensor {
  return op(196)(input, dim, index, source) as Tensor
}

/** Adds slices at given indices along a dimension. `aten::index_add_(Tensor(a!) self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor(a!)` */
export function indexAdd_(input: Tensor, dim: number, index: Tensor, source: Tensor, options?: { alpha?: number | boolean }): Tensor {
  if (options !== undefined) checkOptions(197, options)
  return op(197)(input, dim, index, source, options?.alpha) as Tensor
}

/** Puts elements along a dimension at given indices. `aten::scatter_.src(Tensor(a!) self, int dim, Tensor index, Tensor src) -> Tensor(a!)` */
export function scatter_(input: Tensor, dim: number, index: Tensor, src: Tensor): Tensor {
  return op(198)(input, dim, index, src) as Tensor
}

/** Sums of two lists, `other` scaled by `alpha`. `aten::_foreach_add.List(Tensor[] self, Tensor[] other, *, Scalar alpha=1) -> Tensor[]` */
export function foreachAdd(input: readonly Tensor[], other: readonly Tensor[], options?: { alpha?: number | boolean }): Tensor[] {
  if (options !== undefined) checkOptions(199, options)
  return op(199)(input, other, options?.alpha) as Tensor[]
}

/** Differences of two lists. `aten::_foreach_sub.List(Tensor[] self, Tensor[] other, *, Scalar alpha=1) -> Tensor[]` */
export function foreachSub(input: readonly Tensor[], other: readonly Tensor[], options?: { alpha?: number | boolean }): Tensor[] {
  if (options !== undefined) checkOptions(200, options)
  return op(200)(input, other, options?.alpha) as Tensor[]
}

/** Products of two lists. `aten::_foreach_mul.List(Tensor[] self, Tensor[] other) -> Tensor[]` */
export function foreachMul(input: readonly Tensor[], other: readonly Tensor[]): Tensor[] {
  return op(201)(input, other) as Tensor[]
}

/** A list times a number. `aten::_foreach_mul.Scalar(Tensor[] self, Scalar scalar) -> Tensor[]` */
export function foreachMulScalar(input: readonly Tensor[], scalar: number | boolean): Tensor[] {
  return op(202)(input, scalar) as Tensor[]
}

/** Quotients of two lists. `aten::_foreach_div.List(Tensor[] self, Tensor[] other) -> Tensor[]` */
export function foreachDiv(input: readonly Tensor[], other: readonly Tensor[]): Tensor[] {
  return op(203)(input, other) as Tensor[]
}

/** Square roots of a list. `aten::_foreach_sqrt(Tensor[] self) -> Tensor[]` */
export function foreachSqrt(input: readonly Tensor[]): Tensor[] {
  return op(204)(input) as Tensor[]
}

/** Norms of a list. `aten::_foreach_norm.Scalar(Tensor[] self, Scalar ord=2, ScalarType? dtype=None) -> Tensor[]` */
export function foreachNorm(input: readonly Tensor[], options?: { ord?: number | boolean; dtype?: DType | null }): Tensor[] {
  if (options !== undefined) checkOptions(205, options)
  return op(205)(input, options?.ord, options?.dtype) as Tensor[]
}

/** Adds one list to another, scaled by `alpha`, in place. `aten::_foreach_add_.List(Tensor(a!)[] self, Tensor[] other, *, Scalar alpha=1) -> ()` */
export function foreachAdd_(input: readonly Tensor[], other: readonly Tensor[], options?: { alpha?: number | boolean }): void {
  if (options !== undefined) checkOptions(206, options)
  op(206)(input, other, options?.alpha)
}

/** Adds a number to a list, in place. `aten::_foreach_add_.Scalar(Tensor(a!)[] self, Scalar scalar) -> ()` */
export function foreachAddScalar_(input: readonly Tensor[], scalar: number | boolean): void {
  op(207)(input, scalar)
}

/** Subtracts one list from another, in place. `aten::_foreach_sub_.List(Tensor(a!)[] self, Tensor[] other, *, Scalar alpha=1) -> ()` */
export function foreachSub_(input: readonly Tensor[], other: readonly Tensor[], options?: { alpha?: number | boolean }): void {
  if (options !== undefined) checkOptions(208, options)
  op(208)(input, other, options?.alpha)
}

/** Multiplies a list by another, in place. `aten::_foreach_mul_.List(Tensor(a!)[] self, Tensor[] other) -> ()` */
export function foreachMul_(input: readonly Tensor[], other: readonly Tensor[]): void {
  op(209)(input, other)
}

/** Multiplies a list by a number, in place. `aten::_foreach_mul_.Scalar(Tensor(a!)[] self, Scalar scalar) -> ()` */
export function foreachMulScalar_(input: readonly Tensor[], scalar: number | boolean): void {
  op(210)(input, scalar)
}

/** Multiplies a list by one tensor of one element, in place. `aten::_foreach_mul_.Tensor(Tensor(a!)[] self, Tensor other) -> ()` */
export function foreachMulTensor_(input: readonly Tensor[], other: Tensor): void {
  op(211)(input, other)
}

/** Divides a list by another, in place. `aten::_foreach_div_.List(Tensor(a!)[] self, Tensor[] other) -> ()` */
export function foreachDiv_(input: readonly Tensor[], other: readonly Tensor[]): void {
  op(212)(input, other)
}

/** Divides a list by a number, in place. `aten::_foreach_div_.Scalar(Tensor(a!)[] self, Scalar scalar) -> ()` */
export function foreachDivScalar_(input: readonly Tensor[], scalar: number | boolean): void {
  op(213)(input, scalar)
}

/** Square roots of a list, in place. `aten::_foreach_sqrt_(Tensor(a!)[] self) -> ()` */
export function foreachSqrt_(input: readonly Tensor[]): void {
  op(214)(input)
}

/** Adds `value` times products, in place. `aten::_foreach_addcmul_.Scalar(Tensor(a!)[] self, Tensor[] tensor1, Tensor[] tensor2, Scalar value=1) -> ()` */
export function foreachAddcmul_(input: readonly Tensor[], tensor1: readonly Tensor[], tensor2: readonly Tensor[], options?: { value?: number | boolean }): void {
  if (options !== undefined) checkOptions(215, options)
  op(215)(input, tensor1, tensor2, options?.value)
}

/** Adds `value` times quotients, in place. `aten::_foreach_addcdiv_.Scalar(Tensor(a!)[] self, Tensor[] tensor1, Tensor[] tensor2, Scalar value=1) -> ()` */
export function foreachAddcdiv_(input: readonly Tensor[], tensor1: readonly Tensor[], tensor2: readonly Tensor[], options?: { value?: number | boolean }): void {
  if (options !== undefined) checkOptions(216, options)
  op(216)(input, tensor1, tensor2, options?.value)
}

/** Interpolates a list with a number as weight, in place. `aten::_foreach_lerp_.Scalar(Tensor(a!)[] self, Tensor[] tensors1, Scalar weight) -> ()` */
export function foreachLerp_(input: readonly Tensor[], tensors1: readonly Tensor[], weight: number | boolean): void {
  op(217)(input, tensors1, weight)
}

/** Copies one list to another, in place. `aten::_foreach_copy_(Tensor(a!)[] self, Tensor[] src, bool non_blocking=False) -> ()` */
export function foreachCopy_(input: readonly Tensor[], src: readonly Tensor[]): void {
  op(218)(input, src)
}

/** Fills a list with zeros. `aten::_foreach_zero_(Tensor(a!)[] self) -> ()` */
export function foreachZero_(input: readonly Tensor[]): void {
  op(219)(input)
}

/** Inverse of the two-dimensional Fourier transform of a real matrix from half of its spectrum, to the size `s`. `aten::fft_irfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor` */
export function fftIrfft2(input: Tensor, options?: { s?: readonly number[] | number | null; dim?: readonly number[] | number; norm?: string | null }): Tensor {
  if (options !== undefined) checkOptions(220, options)
  return op(220)(input, options?.s, options?.dim, options?.norm) as Tensor
}

declare module '../tensor/tensor.ts' {
  interface Tensor {
    /** Sum of two tensors, `other` scaled by `alpha`. */
    add(other: Tensor | number, options?: { alpha?: number | boolean }): Tensor
    /** Difference of two tensors, `other` scaled by `alpha`. */
    sub(other: Tensor | number, options?: { alpha?: number | boolean }): Tensor
    /** Product, element by element. */
    mul(other: Tensor | number): Tensor
    /** Quotient, element by element. */
    div(other: Tensor | number): Tensor
    /** Quotient rounded by `roundingMode` 'trunc' or 'floor'. */
    divRounding(other: Tensor | number, options?: { roundingMode?: string | null }): Tensor
    /** Quotient rounded down. */
    floorDivide(other: Tensor | number): Tensor
    /** Remainder with the sign of the divisor. */
    remainder(other: Tensor | number): Tensor
    /** Power with a number as exponent. */
    pow(exponent: number | boolean): Tensor
    /** Power with a tensor as exponent. */
    powTensor(exponent: Tensor | number): Tensor
    /** Negative. */
    neg(): Tensor
    /** Absolute value. */
    abs(): Tensor
    /** Sign: -1, 0 or 1. */
    sign(): Tensor
    /** Square. */
    square(): Tensor
    /** Square root. */
    sqrt(): Tensor
    /** Reciprocal of the square root. */
    rsqrt(): Tensor
    /** Reciprocal. */
    reciprocal(): Tensor
    /** Exponential. */
    exp(): Tensor
    /** Exponential minus one. */
    expm1(): Tensor
    /** Natural logarithm. */
    log(): Tensor
    /** Natural logarithm of one plus the input. */
    log1p(): Tensor
    /** Sine. */
    sin(): Tensor
    /** Cosine. */
    cos(): Tensor
    /** Error function. */
    erf(): Tensor
    /** Rounded down. */
    floor(): Tensor
    /** Rounded up. */
    ceil(): Tensor
    /** Rounded to even. */
    round(): Tensor
    /** Limited to [`min`, `max`]. */
    clamp(options?: { min?: number | boolean | null; max?: number | boolean | null }): Tensor
    /** Larger of two, element by element. */
    maximum(other: Tensor | number): Tensor
    /** Smaller of two, element by element. */
    minimum(other: Tensor | number): Tensor
    /** Input plus `value` times the product of two tensors. */
    addcmul(tensor1: Tensor, tensor2: Tensor, options?: { value?: number | boolean }): Tensor
    /** Input plus `value` times the quotient of two tensors. */
    addcdiv(tensor1: Tensor, tensor2: Tensor, options?: { value?: number | boolean }): Tensor
    /** Linear interpolation with a number as weight. */
    lerp(end: Tensor, weight: number | boolean): Tensor
    /** Linear interpolation with a tensor as weight. */
    lerpTensor(end: Tensor, weight: Tensor): Tensor
    /** `self` where the condition holds, else `other`. */
    where(input: Tensor | number, other: Tensor | number): Tensor
    /** Rectified linear unit. */
    relu(): Tensor
    /** Gaussian error linear unit, exact or by 'tanh' (`approximate`). */
    gelu(options?: { approximate?: string }): Tensor
    /** Sigmoid linear unit. */
    silu(): Tensor
    /** Hyperbolic tangent. */
    tanh(): Tensor
    /** Logistic function. */
    sigmoid(): Tensor
    /** Logarithm of the logistic function. */
    logSigmoid(): Tensor
    /** Smooth form of relu. */
    softplus(options?: { beta?: number | boolean; threshold?: number | boolean }): Tensor
    /** Softmax along a dimension. */
    softmax(dim: number, options?: { dtype?: DType | null }): Tensor
    /** Logarithm of the softmax along a dimension. */
    logSoftmax(dim: number, options?: { dtype?: DType | null }): Tensor
    /** Equal, element by element. */
    eq(other: Tensor | number): Tensor
    /** Not equal, element by element. */
    ne(other: Tensor | number): Tensor
    /** Less, element by element. */
    lt(other: Tensor | number): Tensor
    /** Less or equal, element by element. */
    le(other: Tensor | number): Tensor
    /** Greater, element by element. */
    gt(other: Tensor | number): Tensor
    /** Greater or equal, element by element. */
    ge(other: Tensor | number): Tensor
    /** Both not zero. */
    logicalAnd(other: Tensor): Tensor
    /** One not zero. */
    logicalOr(other: Tensor): Tensor
    /** Zero. */
    logicalNot(): Tensor
    /** Whether an element is NaN. */
    isnan(): Tensor
    /** Whether an element is infinite. */
    isinf(): Tensor
    /** Whether an element is neither NaN nor infinite. */
    isfinite(): Tensor
    /** Whether shape and all elements agree (a boolean, not a tensor). */
    equal(other: Tensor): boolean
    /** Whether all elements agree within `rtol` and `atol` (a boolean). */
    allclose(other: Tensor, options?: { rtol?: number; atol?: number; equalNan?: boolean }): boolean
    /** Whether elements agree within `rtol` and `atol`. */
    isclose(other: Tensor, options?: { rtol?: number; atol?: number; equalNan?: boolean }): Tensor
    /** Sum over `dim`, or over all. */
    sum(options?: { dim?: readonly number[] | number | null; keepdim?: boolean; dtype?: DType | null }): Tensor
    /** Mean over `dim`, or over all. */
    mean(options?: { dim?: readonly number[] | number | null; keepdim?: boolean; dtype?: DType | null }): Tensor
    /** Product of all elements. */
    prod(options?: { dtype?: DType | null }): Tensor
    /** Product along a dimension. */
    prodDim(dim: number, options?: { keepdim?: boolean; dtype?: DType | null }): Tensor
    /** Standard deviation over `dim`, with `correction` (default 1) in the divisor. */
    std(options?: { dim?: readonly number[] | number | null; correction?: number | boolean | null; keepdim?: boolean }): Tensor
    /** Variance over `dim`, with `correction` (default 1) in the divisor. */
    variance(options?: { dim?: readonly number[] | number | null; correction?: number | boolean | null; keepdim?: boolean }): Tensor
    /** Largest element over `dim`, or over all. */
    amax(options?: { dim?: readonly number[] | number; keepdim?: boolean }): Tensor
    /** Smallest element over `dim`, or over all. */
    amin(options?: { dim?: readonly number[] | number; keepdim?: boolean }): Tensor
    /** Largest element of all. */
    max(): Tensor
    /** Smallest element of all. */
    min(): Tensor
    /** Largest elements along a dimension, and where they are. */
    maxDim(dim: number, options?: { keepdim?: boolean }): [Tensor, Tensor]
    /** Smallest elements along a dimension, and where they are. */
    minDim(dim: number, options?: { keepdim?: boolean }): [Tensor, Tensor]
    /** Index of the largest element. */
    argmax(options?: { dim?: number | null; keepdim?: boolean }): Tensor
    /** Index of the smallest element. */
    argmin(options?: { dim?: number | null; keepdim?: boolean }): Tensor
    /** Whether all elements over `dim` are true. */
    all(options?: { dim?: readonly number[] | null; keepdim?: boolean }): Tensor
    /** Whether an element over `dim` is true. */
    any(options?: { dim?: readonly number[] | null; keepdim?: boolean }): Tensor
    /** Logarithm of the sum of exponentials over dimensions. */
    logsumexp(dim: readonly number[] | number, options?: { keepdim?: boolean }): Tensor
    /** Running sum along a dimension. */
    cumsum(dim: number, options?: { dtype?: DType | null }): Tensor
    /** Running product along a dimension. */
    cumprod(dim: number, options?: { dtype?: DType | null }): Tensor
    /** How many elements over `dim` are not zero. */
    countNonzero(options: { dim: readonly number[] }): Tensor
    /** The same as linalgVectorNorm. */
    norm(options?: { ord?: number | boolean; dim?: readonly number[] | number | null; keepdim?: boolean; dtype?: DType | null }): Tensor
    /** Norm of order `ord` (default 2) over `dim`. */
    linalgVectorNorm(options?: { ord?: number | boolean; dim?: readonly number[] | number | null; keepdim?: boolean; dtype?: DType | null }): Tensor
    /** The k largest elements along `dim`, and where they are. */
    topk(k: number, options?: { dim?: number; largest?: boolean; sorted?: boolean }): [Tensor, Tensor]
    /** Sorted along `dim`, and where the elements were. */
    sort(options?: { dim?: number; descending?: boolean }): [Tensor, Tensor]
    /** Indices that sort along `dim`. */
    argsort(options?: { dim?: number; descending?: boolean }): Tensor
    /** Matrix product, batched by the leading dimensions. */
    matmul(other: Tensor): Tensor
    /** Product of two matrices. */
    mm(mat2: Tensor): Tensor
    /** Product of two batches of matrices. */
    bmm(mat2: Tensor): Tensor
    /** Product of a matrix and a vector. */
    mv(vec: Tensor): Tensor
    /** Inner product of two vectors. */
    dot(tensor: Tensor): Tensor
    /** Outer product of two vectors. */
    outer(vec2: Tensor): Tensor
    /** `beta` times the input plus `alpha` times a product of two matrices. */
    addmm(mat1: Tensor, mat2: Tensor, options?: { beta?: number | boolean; alpha?: number | boolean }): Tensor
    /** `beta` times the input plus `alpha` times a product of a matrix and a vector. */
    addmv(mat: Tensor, vec: Tensor, options?: { beta?: number | boolean; alpha?: number | boolean }): Tensor
    /** The same as addmm for batches. */
    baddbmm(batch1: Tensor, batch2: Tensor, options?: { beta?: number | boolean; alpha?: number | boolean }): Tensor
    /** x times the transposed weight [out, in], plus the bias [out]. */
    linear(weight: Tensor, bias?: Tensor | null): Tensor
    /** Sum of the diagonal of a matrix. */
    trace(): Tensor
    /** Lower triangle, from `diagonal`. */
    tril(options?: { diagonal?: number }): Tensor
    /** Upper triangle, from `diagonal`. */
    triu(options?: { diagonal?: number }): Tensor
    /** View of the diagonal. */
    diagonal(options?: { offset?: number; dim1?: number; dim2?: number }): Tensor
    /** Matrices with the input as diagonal. */
    diagEmbed(options?: { offset?: number; dim1?: number; dim2?: number }): Tensor
    /** Solution of a linear system. */
    linalgSolve(B: Tensor, options?: { left?: boolean }): Tensor
    /** Inverse of a matrix. */
    linalgInv(): Tensor
    /** QR decomposition. */
    linalgQr(options?: { mode?: string }): [Tensor, Tensor]
    /** The same elements in another shape; -1 stands for what remains. */
    reshape(shape: readonly number[]): Tensor
    /** The same memory in another shape. */
    view(size: readonly number[]): Tensor
    /** Dimensions from `startDim` to `endDim` in one. */
    flatten(options?: { startDim?: number; endDim?: number }): Tensor
    /** Two dimensions exchanged. */
    transpose(dim0: number, dim1: number): Tensor
    /** Dimensions in another order. */
    permute(dims: readonly number[]): Tensor
    /** A matrix transposed. */
    t(): Tensor
    /** A dimension of size 1 put in. */
    unsqueeze(dim: number): Tensor
    /** All dimensions of size 1 taken out. */
    squeeze(): Tensor
    /** One dimension of size 1 taken out. */
    squeezeDim(dim: number): Tensor
    /** Dimensions of size 1 repeated without a copy. */
    expand(size: readonly number[]): Tensor
    /** Expanded to the shape of another tensor. */
    expandAs(other: Tensor): Tensor
    /** Expanded to a shape. */
    broadcastTo(size: readonly number[]): Tensor
    /** Repeated with a copy. */
    repeat(repeats: readonly number[]): Tensor
    /** Each element repeated. */
    repeatInterleave(repeats: number, options?: { dim?: number | null; outputSize?: number | null }): Tensor
    /** The same elements in row order; the input itself where they are. */
    contiguous(): Tensor
    /** A copy that keeps the graph. */
    clone(): Tensor
    /** The same memory without the graph. */
    detach(): Tensor
    /** A view of the whole. */
    alias(): Tensor
    /** Parts of a size along `dim`. */
    split(splitSize: number, options?: { dim?: number }): Tensor[]
    /** Parts of given sizes along `dim`. */
    splitSizes(splitSizes: readonly number[], options?: { dim?: number }): Tensor[]
    /** A number of parts along `dim`. */
    chunk(chunks: number, options?: { dim?: number }): Tensor[]
    /** The slices along `dim`. */
    unbind(options?: { dim?: number }): Tensor[]
    /** Reversed along dimensions. */
    flip(dims: readonly number[]): Tensor
    /** Shifted round along `dims`. */
    roll(shifts: readonly number[] | number, options?: { dims?: readonly number[] | number }): Tensor
    /** Padded at the ends of the last dimensions. */
    pad(pad: readonly number[], options?: { mode?: string; value?: number | null }): Tensor
    /** One slice along a dimension. */
    select(dim: number, index: number): Tensor
    /** A range along a dimension. */
    narrow(dim: number, start: number, length: number): Tensor
    /** A range from `start` to `end` by `step` along `dim`. */
    slice(options?: { dim?: number; start?: number | null; end?: number | null; step?: number }): Tensor
    /** Elements at index tensors, one for each leading dimension; null takes all. */
    index(indices: readonly (Tensor | null)[]): Tensor
    /** Slices along a dimension at given indices. */
    indexSelect(dim: number, index: Tensor): Tensor
    /** Slices added at given indices along a dimension. */
    indexAdd(dim: number, index: Tensor, source: Tensor, options?: { alpha?: number | boolean }): Tensor
    /** Elements along a dimension at given indices. */
    gather(dim: number, index: Tensor, options?: { sparseGrad?: boolean }): Tensor
    /** Elements put along a dimension at given indices. */
    scatter(dim: number, index: Tensor, src: Tensor): Tensor
    /** Elements added along a dimension at given indices. */
    scatterAdd(dim: number, index: Tensor, src: Tensor): Tensor
    /** Elements along `dim` at given indices. */
    takeAlongDim(indices: Tensor, options?: { dim?: number | null }): Tensor
    /** A number where the mask holds. */
    maskedFill(mask: Tensor, value: number | boolean): Tensor
    /** The elements where the mask holds, in a row. */
    maskedSelect(mask: Tensor): Tensor
    /** Indices of the elements that are not zero. */
    nonzero(): Tensor
    /** Rows of a weight [rows, width] at indices. */
    embedding(indices: Tensor, options?: { paddingIdx?: number; scaleGradByFreq?: boolean; sparse?: boolean }): Tensor
    /** Vectors with one 1 at the index. */
    oneHot(options?: { numClasses?: number }): Tensor
    /** How often each value occurs. */
    bincount(options?: { weights?: Tensor | null; minlength?: number }): Tensor
    /** Layer norm over the last dimensions, with `weight`, `bias`, `eps`. */
    layerNorm(normalizedShape: readonly number[], options?: { weight?: Tensor | null; bias?: Tensor | null; eps?: number; cudnnEnable?: boolean }): Tensor
    /** Root mean square norm over the last dimensions. */
    rmsNorm(normalizedShape: readonly number[], options?: { weight?: Tensor | null; eps?: number | null }): Tensor
    /** Cross entropy of logits [batch, classes] and class indices [batch]. */
    crossEntropyLoss(target: Tensor, options?: { weight?: Tensor | null; reduction?: 'none' | 'mean' | 'sum'; ignoreIndex?: number; labelSmoothing?: number }): Tensor
    /** Negative log likelihood of log probabilities and class indices. */
    nllLoss(target: Tensor, options?: { weight?: Tensor | null; reduction?: 'none' | 'mean' | 'sum'; ignoreIndex?: number }): Tensor
    /** Mean squared error. */
    mseLoss(target: Tensor, options?: { reduction?: 'none' | 'mean' | 'sum' }): Tensor
    /** Mean absolute error. */
    l1Loss(target: Tensor, options?: { reduction?: 'none' | 'mean' | 'sum' }): Tensor
    /** Huber-like error with threshold `beta`. */
    smoothL1Loss(target: Tensor, options?: { reduction?: 'none' | 'mean' | 'sum'; beta?: number }): Tensor
    /** Binary cross entropy of logits. */
    binaryCrossEntropyWithLogits(target: Tensor, options?: { weight?: Tensor | null; posWeight?: Tensor | null; reduction?: 'none' | 'mean' | 'sum' }): Tensor
    /** Kullback-Leibler divergence. */
    klDiv(target: Tensor, options?: { reduction?: 'none' | 'mean' | 'sum'; logTarget?: boolean }): Tensor
    /** Attention of query, key and value [batch, heads, seq, headDim]. */
    scaledDotProductAttention(key: Tensor, value: Tensor, options?: { attnMask?: Tensor | null; dropoutP?: number; isCausal?: boolean; scale?: number | null; enableGqa?: boolean }): Tensor
    /** Convolution over one dimension. */
    conv1d(weight: Tensor, options?: { bias?: Tensor | null; stride?: readonly number[] | number; padding?: readonly number[] | number; dilation?: readonly number[] | number; groups?: number }): Tensor
    /** Cosine of two tensors along `dim`. */
    cosineSimilarity(x2: Tensor, options?: { dim?: number; eps?: number }): Tensor
    /** Zeros of another tensor's shape, dtype and device. */
    zerosLike(options?: { dtype?: DType | null; device?: string | null }): Tensor
    /** Ones of another tensor's shape, dtype and device. */
    onesLike(options?: { dtype?: DType | null; device?: string | null }): Tensor
    /** Memory of another tensor's shape, dtype and device. */
    emptyLike(options?: { dtype?: DType | null; device?: string | null }): Tensor
    /** One number in another tensor's shape, dtype and device. */
    fullLike(fillValue: number | boolean, options?: { dtype?: DType | null; device?: string | null }): Tensor
    /** Another dtype or device; the input itself where nothing changes. */
    to(options?: { dtype?: DType | null; device?: string | null; copy?: boolean }): Tensor
    /** 1 with probability p, in the input's shape. */
    bernoulli(p: number): Tensor
    /** Indices drawn by weights. */
    multinomial(numSamples: number, options?: { replacement?: boolean }): Tensor
    /** Filled with 1 with probability p, else 0. */
    bernoulli_(p?: number): Tensor
    /** Filled with normal numbers of `mean` and `std`. */
    normal_(options?: { mean?: number; std?: number }): Tensor
    /** Filled with uniform numbers between `from` and `to`. */
    uniform_(options?: { from?: number; to?: number }): Tensor
    /** Adds `other` scaled by `alpha`, in place. */
    add_(other: Tensor | number, options?: { alpha?: number | boolean }): Tensor
    /** Subtracts `other` scaled by `alpha`, in place. */
    sub_(other: Tensor | number, options?: { alpha?: number | boolean }): Tensor
    /** Multiplies, in place. */
    mul_(other: Tensor | number): Tensor
    /** Divides, in place. */
    div_(other: Tensor | number): Tensor
    /** Raises to a power, in place. */
    pow_(exponent: number | boolean): Tensor
    /** Changes the sign, in place. */
    neg_(): Tensor
    /** Absolute value, in place. */
    abs_(): Tensor
    /** Square root, in place. */
    sqrt_(): Tensor
    /** Exponential, in place. */
    exp_(): Tensor
    /** Limits to [`min`, `max`], in place. */
    clamp_(options?: { min?: number | boolean | null; max?: number | boolean | null }): Tensor
    /** Adds `value` times a product, in place. */
    addcmul_(tensor1: Tensor, tensor2: Tensor, options?: { value?: number | boolean }): Tensor
    /** Adds `value` times a quotient, in place. */
    addcdiv_(tensor1: Tensor, tensor2: Tensor, options?: { value?: number | boolean }): Tensor
    /** Adds a product of two matrices, in place. */
    addmm_(mat1: Tensor, mat2: Tensor, options?: { beta?: number | boolean; alpha?: number | boolean }): Tensor
    /** Interpolates with a number as weight, in place. */
    lerp_(end: Tensor, weight: number | boolean): Tensor
    /** Copies the elements of another tensor, in place. */
    copy_(src: Tensor): Tensor
    /** Fills with a number. */
    fill_(value: number | boolean): Tensor
    /** Fills with zeros. */
    zero_(): Tensor
    /** Fills with a number where the mask holds. */
    maskedFill_(mask: Tensor, value: number | boolean): Tensor
    /** Copies slices to given indices along a dimension. */
    indexCopy_(dim: number, index: Tensor, source: Tensor): Tensor
    /** Adds slices at given indices along a dimension. */
    indexAdd_(dim: number, index: Tensor, source: Tensor, options?: { alpha?: number | boolean }): Tensor
    /** Puts elements along a dimension at given indices. */
    scatter_(dim: number, index: Tensor, src: Tensor): Tensor
    /** Inverse of the two-dimensional Fourier transform of a real matrix from half of its spectrum, to the size `s`. */
    fftIrfft2(options?: { s?: readonly number[] | number | null; dim?: readonly number[] | number; norm?: string | null }): Tensor
  }
}

installMethods(Tensor, {
  add,
  sub,
  mul,
  div,
  divRounding,
  floorDivide,
  remainder,
  pow,
  powTensor,
  neg,
  abs,
  sign,
  square,
  sqrt,
  rsqrt,
  reciprocal,
  exp,
  expm1,
  log,
  log1p,
  sin,
  cos,
  erf,
  floor,
  ceil,
  round,
  clamp,
  maximum,
  minimum,
  addcmul,
  addcdiv,
  lerp,
  lerpTensor,
  where,
  relu,
  gelu,
  silu,
  tanh,
  sigmoid,
  logSigmoid,
  softplus,
  softmax,
  logSoftmax,
  eq,
  ne,
  lt,
  le,
  gt,
  ge,
  logicalAnd,
  logicalOr,
  logicalNot,
  isnan,
  isinf,
  isfinite,
  equal,
  allclose,
  isclose,
  sum,
  mean,
  prod,
  prodDim,
  std,
  variance,
  amax,
  amin,
  max,
  min,
  maxDim,
  minDim,
  argmax,
  argmin,
  all,
  any,
  logsumexp,
  cumsum,
  cumprod,
  countNonzero,
  norm,
  linalgVectorNorm,
  topk,
  sort,
  argsort,
  matmul,
  mm,
  bmm,
  mv,
  dot,
  outer,
  addmm,
  addmv,
  baddbmm,
  linear,
  trace,
  tril,
  triu,
  diagonal,
  diagEmbed,
  linalgSolve,
  linalgInv,
  linalgQr,
  reshape,
  view,
  flatten,
  transpose,
  permute,
  t,
  unsqueeze,
  squeeze,
  squeezeDim,
  expand,
  expandAs,
  broadcastTo,
  repeat,
  repeatInterleave,
  contiguous,
  clone,
  detach,
  alias,
  split,
  splitSizes,
  chunk,
  unbind,
  flip,
  roll,
  pad,
  select,
  narrow,
  slice,
  index,
  indexSelect,
  indexAdd,
  gather,
  scatter,
  scatterAdd,
  takeAlongDim,
  maskedFill,
  maskedSelect,
  nonzero,
  embedding,
  oneHot,
  bincount,
  layerNorm,
  rmsNorm,
  crossEntropyLoss,
  nllLoss,
  mseLoss,
  l1Loss,
  smoothL1Loss,
  binaryCrossEntropyWithLogits,
  klDiv,
  scaledDotProductAttention,
  conv1d,
  cosineSimilarity,
  zerosLike,
  onesLike,
  emptyLike,
  fullLike,
  to,
  bernoulli,
  multinomial,
  bernoulli_,
  normal_,
  uniform_,
  add_,
  sub_,
  mul_,
  div_,
  pow_,
  neg_,
  abs_,
  sqrt_,
  exp_,
  clamp_,
  addcmul_,
  addcdiv_,
  addmm_,
  lerp_,
  copy_,
  fill_,
  zero_,
  maskedFill_,
  indexCopy_,
  indexAdd_,
  scatter_,
  fftIrfft2,
})
