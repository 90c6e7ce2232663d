import assert from 'node:assert/strict'
import { grad } from '../../lib/autograd/index.ts'
import { labelSet } from '../../lib/data/labels.ts'
import type { ProblemType } from '../../lib/predict/index.ts'
import { scope, tensor } from '../../lib/tensor/index.ts'
import { Objective, objectiveOf } from '../../lib/train/objective.ts'
import type { Row } from '../../lib/train/rows.ts'
import { fitSettings, modelSettings } from '../../lib/train/settings.ts'
import { assertClose, openGolden, type TensorReference } from './adapters-golden.ts'
import { makerHash, readGolden } from './golden.ts'

interface Cases {
  cases: {
    id: string
    problemType: ProblemType
    weights: number[] | null
    labelSmoothing: number
    logits: TensorReference
    targets: number[] | number[][]
    value: TensorReference
    gradient: TensorReference
    parts: number[]
    partValues: number[]
  }[]
  balanced: { targets: number[]; weights: number[] }
}

const golden = openGolden<Cases>('objective')
const relative = 1e-13
const rowsOf = (targets: readonly (number | number[])[]) => targets.map(target => ({ target }) as unknown as Row)

describe('parity: the training loss against torch', () => {
  it('belongs to its maker', () => {
    const { manifest } = readGolden('objective') as unknown as { manifest: { scriptSha256: string } }
    assert.equal(manifest.scriptSha256, makerHash('objective.py'))
  })

  for (const { id, problemType, weights, labelSmoothing, ...expected } of golden.cases.cases) {
    it(`${id}: value, gradient, and the same from its parts`, () =>
      scope(() => {
        const objective = new Objective({ problemType, weights: weights ?? undefined, labelSmoothing })
        const logits = golden.tensor(expected.logits)
        logits.requiresGrad = true
        const dtype = problemType === 'single-label' ? 'int64' : 'float64'
        const targetsOf = (part: (number | number[])[]) => tensor(part, { dtype })
        const loss = objective.loss(logits, targetsOf(expected.targets))
        assertClose(loss, golden.tensor(expected.value), id, { relative })
        assertClose(grad(loss, [logits])[0]!, golden.tensor(expected.gradient), `${id}: gradient`, { relative })

        let start = 0
        let sum = 0
        for (const [part, rows] of expected.parts.entries()) {
          const targets = expected.targets.slice(start, start + rows)
          const values = (logits.tolist() as number[][]).slice(start, start + rows)
          const value = objective.loss(tensor(values, { dtype: 'float64' }), targetsOf(targets)).item()
          assertClose(value, expected.partValues[part]!, `${id}: part ${part}`, { relative: 1e-12 })
          sum += (value * objective.weightOf(rowsOf(targets))) / objective.weightOf(rowsOf(expected.targets))
          start += rows
        }
        assertClose(sum, golden.tensor(expected.value), `${id}: sum of the parts`, { relative: 1e-12 })
        objective.dispose()
      }))
  }

  const objectiveFor = (options: object, model: object, targets: readonly (number | number[])[], names: string[]) =>
    objectiveOf(fitSettings(modelSettings(model), options), rowsOf(targets), labelSet(names))

  it("balanced weights are scikit-learn's", () => {
    const { targets, weights } = golden.cases.balanced
    assertClose(
      [...objectiveFor({ classWeights: 'balanced' }, {}, targets, ['a', 'b', 'c', 'd']).weights!],
      weights,
      'weights',
      { relative },
    )
  })

  it('balanced weights of several labels are negatives by positives, and 1 where there are none of either', () => {
    const rows = [
      [1, 0, 1],
      [0, 0, 1],
      [0, 0, 1],
      [1, 0, 1],
      [0, 0, 1],
    ]
    const made = objectiveFor({ classWeights: 'balanced' }, { problemType: 'multi-label' }, rows, ['a', 'b', 'c'])
    assert.deepEqual(made.weights, [3 / 2, 1, 1])
  })

  it('a class without examples has weight 1', () => {
    assert.deepEqual(objectiveFor({ classWeights: 'balanced' }, {}, [0, 0, 1, 0], ['a', 'b', 'c']).weights, [
      4 / 9,
      4 / 3,
      1,
    ])
  })

  it('refuses another number of weights than labels', () => {
    assert.throws(() => objectiveFor({ classWeights: [1, 2] }, {}, [0, 1], ['a', 'b', 'c']), {
      code: 'CONFIG_VALUE',
      message: /one number for each of the 3 labels \(a, b, c\), got 2/,
    })
  })
})
