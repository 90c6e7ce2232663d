/*
 * Compile-time expectations of the public interface: this file is type-checked with the others and never run. The
 * example is the contract's.
 */
import {
  AbortError,
  BiDoRA,
  BidoraError,
  compare,
  type Example,
  type FitReport,
  loadDataset,
  type MergeReport,
  type Metrics,
  type Prediction,
  version,
} from '../../lib/index.ts'

import {
  type AnyDataset,
  type GenerationExample,
  loadFile,
  readInputs,
  requirePart,
  requireTask,
  type TokenExample,
} from '../../lib/data/index.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const expectType = <T>(_value: T) => {}
const expectTrue = <_T extends true>() => {}

export async function contract(signal: AbortSignal): Promise<void> {
  const { train, validation, test } = await loadDataset('sst2', './data')
  if (!train || !validation || !test) return
  await using model = await BiDoRA.fromPretrained('./all-MiniLM-L6-v2', {
    task: 'text-classification',
    labels: ['negative', 'positive'],
    method: 'bidora',
    rank: 8,
    loraAlpha: 16,
    targetModules: ['query', 'value'],
    device: 'auto',
    dtype: 'float32',
    seed: 0,
  })
  const onProgress = ({ step, steps }: { step: number; steps: number }) => expectType<number>(step / steps)
  const report = await model.fit(train, { validation, epochs: 3, onProgress, signal, output: './run', resume: false })
  expectTrue<Equal<typeof report, FitReport>>()
  const { method, seed, parameters, metrics, time, memory, history } = report
  expectType<[string, number, number]>([method, seed, parameters.trainable])
  expectType<number | undefined>(metrics.validation?.accuracy)
  expectType<[number, number, number]>([time.total, memory.peakBytes, history.length])
  const scores = await model.evaluate(test)
  expectTrue<Equal<typeof scores, Metrics>>()
  const [first] = await model.predict(['a fine film'])
  expectTrue<Equal<typeof first, Prediction | undefined>>()
  expectType<Record<string, number> | undefined>(first?.scores)
  await model.save('./adapter')
  expectType<MergeReport>(await model.merge('./merged'))
  const again = await BiDoRA.load('./adapter')
  await BiDoRA.load('./adapter', { base: './all-MiniLM-L6-v2' })
  await again.dispose()
}

export async function sources(
  model: BiDoRA,
  stream: AsyncIterable<Example>,
  texts: AsyncIterable<string>,
): Promise<void> {
  await model.fit(stream)
  await model.fit(new Set<Example>())
  await model.predict('one text')
  await model.predict([{ text: 'a', pair: 'b' }, 'c'])
  expectType<Prediction[]>(await model.predict(texts))
  for await (const prediction of model.predictStream(texts)) expectType<Prediction>(prediction)
}

export async function mistakes(model: BiDoRA): Promise<void> {
  // @ts-expect-error a name that no setting has
  await BiDoRA.fromPretrained('./m', { rnak: 8 })
  // @ts-expect-error a value that the setting does not take
  await BiDoRA.fromPretrained('./m', { method: 'bidoar' })
  // @ts-expect-error a setting of the model, not of the training
  await model.fit([], { rank: 8 })
  // @ts-expect-error an example without a label
  await model.fit([{ text: 'a' }])
  // @ts-expect-error made by fromPretrained or load only
  new BiDoRA()
  expectType<Error>(new AbortError('CODE', 'sentence'))
  expectType<string>(new BidoraError('CODE', 'sentence').code)
  expectType<string>(version)
  await compare({ model: 'x', datasets: ['rte'], methods: ['lora'], seeds: [0], output: 'y', rank: 4 })
}

export async function dataSets(name: string): Promise<void> {
  expectType<Example[] | undefined>((await loadDataset('reuters21578-modapte', './data')).train)
  expectType<TokenExample[] | undefined>((await loadDataset('conll2003', './data')).test)
  expectType<GenerationExample[] | undefined>((await loadDataset('e2e', './data')).validation)
  // A name that is known only when the program runs may be of any task.
  const any = await loadDataset(name, './data')
  expectTrue<Equal<typeof any, AnyDataset>>()
  expectType<TokenExample[]>(requirePart(requireTask(any, 'token-classification'), 'train'))
  expectType<Example[]>(await loadFile('a.jsonl'))
  expectType<TokenExample[]>(await loadFile('a.conll', { task: 'token-classification' }))
  for await (const { prompt } of readInputs('a.jsonl', { task: 'text-generation' })) expectType<string>(prompt)
}
