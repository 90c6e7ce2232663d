import { cuda } from '../../lib/torch.ts'

/**
 * The device under test. `BIDORA_TEST_GPU_DEVICE=cpu` runs the same bodies on the CPU, which proves the tests
 * themselves where there is no GPU; what only a GPU has is skipped then.
 */
export const device = process.env.BIDORA_TEST_GPU_DEVICE || 'cuda'

/** A group of tests that need the device; skipped, with the reason printed, where none answers. */
export function describeOnDevice(title: string, body: (this: Mocha.Suite) => void): void {
  group(title, body, device === 'cpu' || cuda.isAvailable() ? undefined : missing())
}

/** The same for what the CPU cannot stand in for. */
export function describeOnCuda(title: string, body: (this: Mocha.Suite) => void): void {
  const reason = cuda.isAvailable() ? 'BIDORA_TEST_GPU_DEVICE=cpu keeps to the CPU' : missing()
  group(title, body, device !== 'cpu' && cuda.isAvailable() ? undefined : reason)
}

function missing(): string {
  return cuda.isBuilt()
    ? 'no CUDA device answers; `npx bidora-torch doctor` tells what was found'
    : 'no CUDA device answers, and libtorch is loaded without CUDA'
}

function group(title: string, body: (this: Mocha.Suite) => void, reason: string | undefined): void {
  if (reason === undefined) {
    describe(`${title} (${device})`, body)
    return
  }
  describe.skip(`${title}: skipped, ${reason}`, body)
}
