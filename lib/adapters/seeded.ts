import { cuda, getRngState, manualSeed, scope, setRngState } from '../tensor/index.ts'

/**
 * Runs `draw` with the generator of the CPU seeded anew, and leaves all generators as they were: what a seed of its own
 * decides is the same at every time, and nothing else is drawn differently for it. Equal to what torch draws from
 * `torch.Generator().manual_seed(seed)`.
 */
export function drawnFrom<T>(seed: number, draw: () => T): T {
  const devices = ['cpu', ...Array.from({ length: cuda.deviceCount() }, (_, index) => `cuda:${index}`)]
  const states = devices.map(device => [device, getRngState(device)] as const)
  manualSeed(seed)
  try {
    return scope(draw)
  } finally {
    for (const [device, state] of states) setRngState(state, device)
  }
}
