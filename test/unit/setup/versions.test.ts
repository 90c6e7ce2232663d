import assert from 'node:assert/strict'
import { assertTested, compareVersions, defaultTorch, isTested, release } from '../../../lib/setup/versions.ts'
import { inScratch } from './surroundings.ts'

describe('setup/versions', () => {
  it('orders by numbers, not by letters', () => {
    assert.ok(compareVersions('2.9.0', '2.11.0') < 0)
    assert.ok(compareVersions('2.15.1', '2.15.0') > 0)
    assert.equal(compareVersions('2.15.0+cu132', '2.15.0'), 0)
    assert.equal(release('2.15.0+cu132'), '2.15.0')
  })

  it('accepts what was tested, patch releases and builds included', () => {
    for (const version of [defaultTorch, '2.11.0', '2.13.1', '2.15.0+cu132', '2.15.0+cpu'])
      assert.ok(isTested(version), version)
  })

  it('refuses older, newer, unreleased and other versions', () => {
    for (const version of ['2.10.0', '2.16.0', '1.15.0', '3.0.0', '2.15', 'nightly', '2.15.0a0+git12', '']) {
      assert.ok(!isTested(version), version)
    }
  })

  it('names the override in the refusal, and obeys it', async () => {
    await inScratch(() => {
      assert.throws(() => assertTested('2.10.0', 'here'), {
        name: 'SetupError',
        code: 'LIBTORCH_UNTESTED',
        message: /here: expected libtorch 2\.11 to 2\.15, got 2\.10\.0; .*BIDORA_TORCH_ALLOW_UNTESTED=1/,
      })
      process.env.BIDORA_TORCH_ALLOW_UNTESTED = '1'
      assert.doesNotThrow(() => assertTested('2.10.0', 'here'))
    })
  })
})
