// Mocha's own spec reporter, which also writes its counts to the file that BIDORA_TEST_COUNTS names: the scripts end
// with one line `N passed, N failed` over all that ran.
const { writeFileSync } = require('node:fs')
const { reporters } = require('mocha')

module.exports = class CountingReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options)
    runner.once('end', () => {
      const file = process.env.BIDORA_TEST_COUNTS
      if (!file) return
      const { passes, failures, pending } = this.stats
      writeFileSync(file, JSON.stringify({ passed: passes, failed: failures, skipped: pending }))
    })
  }
}
