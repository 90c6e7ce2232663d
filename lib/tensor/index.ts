export { addon } from './addon.ts'
export { type TensorData, type TensorOptions, tensor } from './create.ts'
export {
  type CudaMemory,
  cuda,
  getNumThreads,
  isDeterministic,
  libtorchVersion,
  memoryStats,
  reclaimMemory,
  resetPeakMemory,
  resolveDevice,
  setDeterministic,
  setNumThreads,
} from './device.ts'
export { assertDType, type DType, isFloating, itemSize } from './dtype.ts'
export type { Nested } from './nest.ts'
export { getRngState, manualSeed, setRngState } from './random.ts'
export { keep, moveToOuter, scope } from './scope.ts'
export { type FileMapping, mapFile } from './storage.ts'
export { Tensor, type TypedArray } from './tensor.ts'
