export { type Activation, activation, activationNames } from './activation.ts'
export {
  Attention,
  type AttentionContext,
  type AttentionKernel,
  type AttentionOptions,
  firstTokens,
  mergeHeads,
  sideBySide,
  splitHeads,
  type TextRows,
  useAttentionKernel,
} from './attention.ts'
export { Conv1D } from './conv1d.ts'
export { Dropout, type DropoutPlace, dropout } from './dropout.ts'
export { Embedding } from './embedding.ts'
export { frozenLinear } from './frozen-linear.ts'
export * as init from './init.ts'
export { LayerNorm } from './layer-norm.ts'
export { Linear } from './linear.ts'
export {
  type BinaryCrossEntropyOptions,
  binaryCrossEntropy,
  type CrossEntropyOptions,
  crossEntropy,
  meanSquaredError,
  type Reduction,
} from './loss.ts'
export { type Layer, Module, type Placement } from './module.ts'
export { canPack, packedLinear, packedWeight, packWeight } from './packed-weight.ts'
export {
  buffer,
  isBuffer,
  isParameter,
  type Level,
  levelOf,
  type ParameterOptions,
  parameter,
  setLevel,
} from './parameter.ts'
export { compareState, describeMismatch, loadState, type StateMismatch, stateOf } from './state.ts'
