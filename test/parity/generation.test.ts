import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type CausalLanguageModel, loadLanguageModel } from '../../lib/models/index.ts'
import { checkGeneration, type GenerationOptions } from '../../lib/predict/generation-options.ts'
import { generateTokens } from '../../lib/predict/index.ts'
import { constrain, samplingProbabilities } from '../../lib/predict/next-token.ts'
import { assertClose, openGolden, type TensorReference } from './adapters-golden.ts'
import { root } from './golden.ts'

interface Case {
  model: string
  prompts: number[][]
  options: GenerationOptions
  answers: number[][]
}
interface Draw extends Omit<Case, 'answers'> {
  logits: TensorReference
  probabilities: TensorReference
}

const golden = openGolden<{ cases: Case[]; draws: Draw[] }>('generation')

describe('parity: generation', () => {
  const models = new Map<string, CausalLanguageModel>()
  const modelOf = (name: string) => models.get(name)!
  before(() => {
    for (const { model } of golden.cases.cases) {
      if (models.has(model)) continue
      models.set(model, loadLanguageModel(join(root, 'test/golden/gpt2', model), { dtype: 'float64' }))
    }
  })
  after(() => {
    for (const model of models.values()) model.dispose()
  })

  it('sees both kinds of cases', () => {
    const { cases, draws } = golden.cases
    assert.ok(cases.length >= 90 && draws.length >= 30)
    assert.ok(cases.filter(one => one.options.numBeams).length >= 60)
  })

  golden.cases.cases.forEach(({ model, prompts, options, answers }, i) => {
    it(`case ${i}, ${options.numBeams ? `${options.numBeams} beams` : 'greedy'}: the tokens of transformers`, async () => {
      const got = await generateTokens(modelOf(model), prompts, options)
      assert.deepEqual(
        got.map(({ tokens }) => tokens),
        answers,
      )
      const eos = options.eosTokenId as number[]
      for (const { tokens, finish } of got) assert.equal(finish, eos.includes(tokens.at(-1)!) ? 'eos' : 'length')
    })
  })

  it('draws with the probabilities of transformers', () => {
    for (const { model, prompts, options, logits, probabilities } of golden.cases.draws) {
      const generation = checkGeneration({ ...options, doSample: true }, modelOf(model).config)
      const [scores, expected] = [logits, probabilities].map(one => golden.tensor(one).tolist() as number[][]) as [
        number[][],
        number[][],
      ]
      const length = Math.max(...prompts.map(prompt => prompt.length))
      prompts.forEach((tokens, row) => {
        const allowed = constrain(Float32Array.from(scores[row]!), { tokens, length, answered: 0 }, generation)
        const got = samplingProbabilities(allowed, generation)
        assertClose([...got], expected[row]!, JSON.stringify(options), { absolute: 1e-6 })
        assert.deepEqual(
          [...got].map(value => value > 0),
          expected[row]!.map(value => value > 0),
        )
      })
    }
  })
})
