// Run by `doctor` in a child process: a product, a backward pass, and the same on a CUDA device where there is one.
import { loadNative } from '../native.ts'
import { cuda, grad, libtorchVersion, matmul, sum, tensor } from '../torch.ts'

const expected = '[[7,11],[9,13]]' // d sum(X X) / dX[a][b] = sum of row b + sum of column a

function probe(device: string): string {
  const x = tensor(
    [
      [1, 2],
      [3, 4],
    ],
    { dtype: 'float64', device, requiresGrad: true },
  ) // [2, 2]
  const [gradient] = grad(sum(matmul(x, x)), [x])
  const got = JSON.stringify(gradient?.tolist())
  if (got !== expected) throw new Error(`expected the gradient ${expected} on ${device}, got ${got}`)
  return device
}

try {
  const devices = [probe('cpu')]
  for (let i = 0; i < cuda.deviceCount(); i++) devices.push(probe(`cuda:${i}`))
  const failure = loadNative().cudaFailure
  if (failure !== undefined) console.error(failure.message)
  console.log(`a product and its gradient are right on ${devices.join(', ')} (libtorch ${libtorchVersion()})`)
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
