import { cuda } from '../tensor/index.ts'

/**
 * The most memory in use so far, in bytes: of the process for a model on the processor (all it had resident since it
 * began), of the device for one on a GPU.
 */
export function peakBytes(device: string): number {
  if (device.startsWith('cuda')) return cuda.memory(device).peakAllocatedBytes
  return process.resourceUsage().maxRSS * 1024
}
