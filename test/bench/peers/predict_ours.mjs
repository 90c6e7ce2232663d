// One of the processes that `cases/prediction.ts` measures: loads a folder, predicts a text, says so, then answers questions
// (see `cases/prediction-process.ts`). Arguments: package root, folder, threads.
import { createInterface } from 'node:readline'

const [root, folder, threads] = process.argv.slice(2)
const { BiDoRA } = await import(`${root}/dist/lib/index.js`)
const model = await BiDoRA.load(folder, { threads: Number(threads), device: 'cpu' })

const oddsOf = ({ scores }) => Math.log(Object.values(scores)[1] / Object.values(scores)[0])
const say = value => console.log(JSON.stringify(value))

say({ ready: true, odds: (await model.predict('a fine film')).map(oddsOf) })
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'quit') break
  const { each, all } = JSON.parse(line)
  if (each) {
    const seconds = []
    for (const text of each) {
      const start = performance.now()
      await model.predict(text)
      seconds.push((performance.now() - start) / 1e3)
    }
    say({ seconds })
  } else {
    // It batches by itself: without padding, by length, up to a number of tokens.
    const start = performance.now()
    const predictions = await model.predict(all)
    say({ seconds: [(performance.now() - start) / 1e3], odds: predictions.map(oddsOf) })
  }
}
await model.dispose()
