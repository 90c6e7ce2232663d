import type { NativeCounters } from '../native-types.ts'
import { addon } from './addon.ts'

/** Bytes held by CUDA's caching allocator on one device. */
export interface CudaMemory {
  allocatedBytes: number
  peakAllocatedBytes: number
  reservedBytes: number
  peakReservedBytes: number
  freeBytes: number
  totalBytes: number
}

/** The version of the libtorch in use, such as '2.15.0'. */
export function libtorchVersion(): string {
  return addon().libtorchVersion
}

/** Threads that one operator of this environment may use. */
export function getNumThreads(): number {
  return addon().getNumThreads()
}

export function setNumThreads(count: number): void {
  addon().setNumThreads(count)
}

/** Makes operators without a deterministic form throw. For the whole process. */
export function setDeterministic(enabled: boolean): void {
  addon().setDeterministic(enabled)
}

export function isDeterministic(): boolean {
  return addon().isDeterministic()
}

/** Tensors that this environment holds now and has made so far; bytes count once per storage, views do not add. */
export function memoryStats(): NativeCounters {
  return addon().counters()
}

/** Begins `peakUsedBytes` anew, at what is in use now. */
export function resetPeakMemory(): void {
  addon().resetPeak()
}

/** Collects garbage and frees the tensors that nobody holds any more, now. */
export function reclaimMemory(): void {
  addon().reclaim()
}

const empty: CudaMemory = {
  allocatedBytes: 0,
  peakAllocatedBytes: 0,
  reservedBytes: 0,
  peakReservedBytes: 0,
  freeBytes: 0,
  totalBytes: 0,
}

/** CUDA devices. Without one, memory calls give zeros and do nothing. */
export const cuda = {
  /** Whether libtorch's CUDA library is loaded, with or without a device. */
  isBuilt: (): boolean => addon().cudaIsBuilt(),
  isAvailable: (): boolean => addon().cudaDeviceCount() > 0,
  deviceCount: (): number => addon().cudaDeviceCount(),
  /** Waits until the device has finished what was queued. */
  synchronize(device = 'cuda'): void {
    if (cuda.isAvailable()) addon().cudaSynchronize(device)
  },
  memory: (device = 'cuda'): CudaMemory =>
    cuda.isAvailable() ? (addon().cudaMemory(device) as unknown as CudaMemory) : { ...empty },
  resetPeakMemory(device = 'cuda'): void {
    if (cuda.isAvailable()) addon().cudaResetPeak(device)
  },
  emptyCache(): void {
    if (cuda.isAvailable()) addon().cudaEmptyCache()
  },
}

/** 'auto' to 'cuda' where a device answers, else 'cpu'; other names stay. */
export function resolveDevice(device: string): string {
  if (device !== 'auto') return device
  return cuda.isAvailable() ? 'cuda' : 'cpu'
}
