import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { canPack } from '../../../lib/nn/index.ts'
import { tensor } from '../../../lib/tensor/index.ts'

describe('threads of the native kernels', function () {
  this.timeout(60_000)

  /** Threads of a new process before and after it has made a packed product of 33 million multiplications. */
  function threadsOf(count: number): { before: number; after: number; most: number } {
    const at = (file: string) => JSON.stringify(new URL(`../../../lib/${file}`, import.meta.url).href)
    // Nothing before the product may start libtorch's pool, so the weight is small. Ones, so every element of it is 64.
    const code = `
      import { readdirSync } from 'node:fs'
      import { noGrad, setNumThreads, tensor } from ${at('torch.js')}
      import { packedLinear, packWeight } from ${at('nn/index.js')}
      setNumThreads(${count})
      const ones = rows => tensor(new Float32Array(rows * 64).fill(1), { shape: [rows, 64] })
      const [x, weight] = [ones(8192), ones(64)]
      const packed = packWeight(weight)
      const threads = () => readdirSync('/proc/self/task').length
      const before = threads()
      const product = noGrad(() => packedLinear(x, weight, packed))
      const after = threads()
      console.log(JSON.stringify({ before, after, most: product.data().reduce((most, value) => Math.max(most, Math.abs(value - 64)), 0) }))`
    return JSON.parse(
      execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }),
    ) as ReturnType<typeof threadsOf>
  }

  it("a packed product starts as many of libtorch's threads as were asked for, and no more", function () {
    if (!canPack(tensor(new Float32Array(4096), { shape: [64, 64] }))) this.skip() // libtorch's own product then
    for (const count of [1, 2, 3]) {
      const { before, after, most } = threadsOf(count)
      assert.equal(after - before, count - 1, `${count} threads`)
      assert.equal(most, 0)
    }
  })
})
