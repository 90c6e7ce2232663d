import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'

const module = new URL('../../../lib/cli/interrupt.js', import.meta.url).href

/* In a child process, because the second signal ends it. */
function run(pause: number) {
  const program = `
    import { interruptible } from ${JSON.stringify(module)}
    import { setTimeout as delay } from 'node:timers/promises'
    const { signal, release } = interruptible(text => console.log('told', text.length > 0))
    process.kill(process.pid, 'SIGINT')
    await delay(${pause})
    process.kill(process.pid, 'SIGINT')
    await delay(20)
    console.log('aborted', signal.aborted)
    release()`
  return spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
}

describe('cli/interrupt', () => {
  it('asks once, and takes an echo of the same keystroke for one', () => {
    const { status, stdout } = run(10)
    assert.equal(status, 0)
    assert.equal(stdout, 'told true\naborted true\n')
  })

  it('does not wait the second time', () => {
    const { status, stdout } = run(500)
    assert.equal(status, 130)
    assert.equal(stdout, 'told true\n')
  })
})
