import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('leak-rounds.js', import.meta.url))
const rounds = 1000
const allowed = 20e6

describe('a thousand rounds', function () {
  this.timeout(300_000)

  it('leave the same tensors at the end of each, and resident memory within 20 MB of the hundredth', () => {
    // In a process of its own: the memory of this one is the other tests' too.
    const child = spawnSync(process.execPath, [program, String(rounds)], { encoding: 'utf8' })
    assert.equal(child.status, 0, child.stderr)
    const held = JSON.parse(child.stdout) as [number, number, number, number][]
    assert.equal(held.length, rounds)
    const [liveTensors, liveBytes] = held[0]!
    assert.ok(liveTensors > 50, `${liveTensors} live tensors`)
    held.forEach((round, i) => assert.deepEqual(round.slice(0, 3), [liveTensors, liveBytes, 0], `round ${i + 1}`))
    const resident = (round: number): number => held[round - 1]![3]
    const grown = resident(rounds) - resident(100)
    assert.ok(grown <= allowed, `resident memory grew by ${(grown / 1e6).toFixed(1)} MB from round 100 to ${rounds}`)
  })
})
