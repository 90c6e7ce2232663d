import { addon } from './addon.ts'

/**
 * Seeds the generators of this environment (the main thread or one worker), on every device. Random operators draw from
 * them, so two workers never disturb each other.
 */
export function manualSeed(seed: number | bigint): void {
  addon().manualSeed(seed)
}

/** The state of this environment's generator, to be given back to `setRngState`. */
export function getRngState(device = 'cpu'): Uint8Array {
  return addon().getRngState(device)
}

/** @throws TorchError for bytes that are no generator state. */
export function setRngState(state: Uint8Array, device = 'cpu'): void {
  addon().setRngState(state, device)
}
