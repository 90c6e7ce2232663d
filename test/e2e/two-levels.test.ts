import assert from 'node:assert/strict'
import { grad } from '../../lib/autograd/index.ts'
import { type RoundOptions, step } from '../../lib/bilevel/index.ts'
import { ConfigError } from '../../lib/errors.ts'
import * as ops from '../../lib/ops/index.ts'
import type { Tensor } from '../../lib/tensor/index.ts'
import type { GivenFitSettings } from '../../lib/train/config.ts'
import type { Level } from '../../lib/train/level.ts'
import { searchOf } from '../../lib/train/phases.ts'
import { splitLevels } from '../../lib/train/split-levels.ts'
import type { Training } from '../../lib/train/training.ts'
import { oneThread, scratch } from './scratch.ts'
import { distance, only, plainTinyModel, trainTiny, type Work } from './tiny-training.ts'

/** Searches whose first steps are those of any longer one: the rates do not depend on the length. */
const even: GivenFitSettings = {
  schedule: 'constant',
  warmupRatio: 0,
  lowerLearningRate: 0.02,
  upperLearningRate: 0.03,
}
const published = { hypergradient: 'finite-difference' } as const
const searchOnly: GivenFitSettings = { ...even, ...published, retrain: false }
const still: GivenFitSettings = { ...even, ...published, retrainSteps: 1, retrainLearningRate: 0, weightDecay: 0 }

describe('what the settings of the two levels do (float64, no dropout)', () => {
  oneThread()
  const here = scratch('two-levels', plainTinyModel)
  const train = (fit: GivenFitSettings, work?: Work) => trainTiny(here.base, fit, work ? { work } : {})
  const start = () => train({}, async () => {})

  describe('hypergradient', () => {
    const run = (fit: GivenFitSettings) =>
      train({ ...searchOnly, searchSteps: 3, upperClip: 0, upperBatchSize: 8, ...fit })

    it('finite-difference with a small radius, and neumann without terms at step 1, are exact', async () => {
      const exact = (await run({ hypergradient: 'exact' })).values
      assert.ok(distance((await run({ hypergradient: 'neumann', terms: 0, stepSize: 1 })).values, exact) < 1e-10)
      const near = distance((await run({ hypergradient: 'finite-difference', radius: 1e-3 })).values, exact)
      const far = distance((await run({ hypergradient: 'finite-difference', radius: 0.5 })).values, exact)
      assert.ok(near < 1e-4 && far > 10 * near, `${near}, ${far}`)
    })

    it('exact goes both ways to the same numbers', async () => {
      const [forward, backward] = [
        await run({ hypergradient: 'exact', way: 'forward-over-reverse' }),
        await run({ hypergradient: 'exact', way: 'double-backward' }),
      ]
      assert.ok(distance(forward.values, backward.values) < 1e-10)
      assert.notDeepEqual(forward.values, backward.values, 'equal but for rounding: they are two ways')
      // Fused attention, which the search must not take, is without a derivative in forward mode.
      const refused = run({ hypergradient: 'exact', way: 'sideways' as 'double-backward' })
      await assert.rejects(refused, /way must be 'double-backward' or 'forward-over-reverse', got 'sideways'/)
    })

    it('neumann, conjugate-gradient and unrolled come to first-order as their step vanishes, and differ before', async () => {
      const first = (await run({ hypergradient: 'first-order' })).values
      const cases: [GivenFitSettings, GivenFitSettings][] = [
        [
          { hypergradient: 'neumann', stepSize: 1e-9 },
          { hypergradient: 'neumann', stepSize: 0.1, terms: 2 },
        ],
        [
          { hypergradient: 'unrolled', stepSize: 1e-9 },
          { hypergradient: 'unrolled', stepSize: 0.5 },
        ],
        [
          { hypergradient: 'conjugate-gradient', damping: 1e9 },
          { hypergradient: 'conjugate-gradient', damping: 5, iterations: 3 },
        ],
      ]
      for (const [vanishing, full] of cases) {
        const [limit, other] = [await run(vanishing), await run(full)]
        assert.ok(distance(limit.values, first) < 1e-5, JSON.stringify(vanishing))
        assert.ok(distance(other.values, first) > 1e-4, JSON.stringify(full))
      }
    })

    it('conjugate-gradient reads its options: an indefinite Hessian breaks it down, and onBreakdown says what then', async () => {
      const options: GivenFitSettings = { hypergradient: 'conjugate-gradient', iterations: 30 }
      await assert.rejects(
        run({ ...options, onBreakdown: 'throw' }),
        /conjugate-gradient: expected p\.\(H \+ damping I\)p/,
      )
      const first = await run({ hypergradient: 'first-order' })
      const { history, values } = await run({ ...options, onBreakdown: 'first-order' })
      assert.deepEqual(
        history.map(({ breakdowns }) => breakdowns),
        [1, 1, 1],
      )
      assert.ok(distance(values, first.values) < 1e-10) // the kernel of attention is another
      const damped = await run({ ...options, tolerance: 0.99, damping: 5 })
      assert.ok(damped.history.every(({ breakdowns }) => breakdowns === undefined))
      assert.ok(distance(damped.values, first.values) > 1e-4)
    })

    it('sama sees the optimiser: another decay of its moments changes the hypergradient alone', async () => {
      const norm = async (fit: GivenFitSettings) =>
        (await run({ lowerLearningRate: 1e-12, ...fit })).history.at(-1)!.hypergradientNorm!
      const [sama, first] = [
        await norm({ hypergradient: 'sama', lowerLearningRate: 0.02 }),
        await norm({ hypergradient: 'first-order', lowerLearningRate: 0.02 }),
      ]
      assert.ok(Number.isFinite(sama) && Math.abs(sama - first) > 1e-9 * first, `${sama} and ${first}`)
      // The preconditioned vector is proportional to the rate, and so is the implicit part: it vanishes with it.
      assert.ok(
        Math.abs((await norm({ hypergradient: 'sama' })) / (await norm({ hypergradient: 'first-order' })) - 1) < 1e-8,
      )
    })

    it('sama gets the lower step as it was made: moments after it, clipped gradients', async () => {
      const fit: GivenFitSettings = { ...searchOnly, searchSteps: 2, hypergradient: 'sama', clip: 0.01 }
      const byHand = await train(fit, training =>
        searchBy(training, {
          moves(lower) {
            let gradient: Tensor[] = []
            return {
              updateLower(gradients) {
                lower.update(gradients)
                gradient = gradients.map((one, place) => one ?? ops.zerosLike(lower.parameters[place]!))
              },
              hypergradient: () => ({ method: 'sama', radius: 1, optimizerState: { ...lower.lastStep(), gradient } }),
            }
          },
        }),
      )
      assert.deepEqual((await train(fit)).values, byHand.values)
    })

    it('attention has second derivatives in the search, and its fast kernel back after it', async () => {
      const kernels = new Set<string>()
      const look = (training: Training) => {
        for (const [, module] of training.model.classifier.namedModules())
          if ('kernel' in module) kernels.add(String(module.kernel))
      }
      for (const hypergradient of ['exact', 'neumann', 'conjugate-gradient', 'unrolled'] as const) {
        const options = hypergradient === 'conjugate-gradient' ? { damping: 5 } : {}
        await train({ ...searchOnly, searchSteps: 1, hypergradient, ...options }, async training => {
          await searchBy(training, { round: () => look(training) })
          assert.deepEqual([...kernels], ['explicit'])
          kernels.clear()
          look(training)
          assert.deepEqual([...kernels], ['fused'])
          kernels.clear()
        })
      }
    })
  })

  describe('accumulation', () => {
    // 45 and 15 examples: the last batch of a pass is smaller, and its parts are of unequal size.
    const common: GivenFitSettings = {
      lowerFraction: 0.75,
      searchSteps: 6,
      retrainSteps: 3,
      orthogonality: 0.1,
      retrainLearningRate: 0.02,
    }
    for (const fit of [
      {},
      { hypergradient: 'finite-difference' },
      { unrollSteps: 2 },
      { hypergradient: 'exact', searchSteps: 3 },
      { hypergradient: 'neumann', stepSize: 0.1, terms: 1, searchSteps: 2 },
      { hypergradient: 'sama', searchSteps: 3 },
      { rollBack: true, searchSteps: 3 },
    ] as const) {
      it(`is the large batch, at both levels: ${JSON.stringify(fit)}`, async () => {
        const whole = await train({ ...common, ...fit, batchSize: 8, upperBatchSize: 6 })
        const same = await train({
          ...common,
          ...fit,
          batchSize: 2,
          accumulation: 4,
          upperBatchSize: 2,
          upperAccumulation: 3,
        })
        assert.ok(distance(same.values, whole.values) < 1e-11, String(distance(same.values, whole.values)))
        assert.deepEqual(
          same.history.map(({ step: at, lowerLearningRate, upperLearningRate }) => [
            at,
            lowerLearningRate,
            upperLearningRate,
          ]),
          whole.history.map(({ step: at, lowerLearningRate, upperLearningRate }) => [
            at,
            lowerLearningRate,
            upperLearningRate,
          ]),
        )
        for (const [index, { lowerLoss }] of whole.history.entries())
          assert.ok(Math.abs(same.history[index]!.lowerLoss! - lowerLoss!) < 1e-11)
      })
    }

    it('is the large batch for a method of one level, and counts passes by it', async () => {
      const run = (fit: GivenFitSettings, method: 'lora' | 'full') =>
        trainTiny(
          here.base,
          { retrainLearningRate: 0.01, retrainEpochs: 2, ...fit },
          { model: { method, ...(method === 'full' ? { rank: undefined } : {}) } },
        )
      for (const method of ['lora', 'full'] as const) {
        const whole = await run({ batchSize: 8 }, method)
        const parts = await run({ batchSize: 4, accumulation: 2 }, method)
        assert.equal(parts.history.at(-1)!.step, 16)
        assert.ok(distance(parts.values, whole.values) < 1e-11)
      }
    })
  })

  describe('course of the search', () => {
    it('upperDelaySteps: magnitudes stay at their start so long, and the upper schedule spans the steps that are left', async () => {
      const magnitudes = only((await start()).values, 'magnitude')
      const fit: GivenFitSettings = { ...searchOnly, unrollSteps: 2, upperDelaySteps: 4, upperSchedule: 'linear' }
      const delayed = await train({ ...fit, searchSteps: 10 })
      const lines = delayed.history.map(({ step: at, upperLoss, upperLearningRate }) => [
        at,
        upperLoss !== undefined,
        upperLearningRate,
      ])
      const rates = [0.03, 0.03, 0.03, 0.03 * (2 / 3), 0.03 * (1 / 3)]
      assert.deepEqual(
        lines,
        rates.map((rate, round) => [2 * round + 2, round >= 2, rate]),
      )
      // A delay that ends within a round: its upper step is made.
      const within = await train({ ...fit, upperDelaySteps: 3, searchSteps: 10 })
      assert.deepEqual(
        within.history.map(({ upperLoss, upperLearningRate }) => [upperLoss !== undefined, upperLearningRate]),
        [1, 1, 0.75, 0.5, 0.25].map((part, round) => [round >= 1, 0.03 * part]),
      )
      await assert.rejects(train({ ...fit, searchSteps: 5 }), (error: unknown) => {
        assert.ok(error instanceof ConfigError)
        return /at least one upper step in the search, got 5 lower steps with unrollSteps 2 and upperDelaySteps 4/.test(
          error.message,
        )
      })
      const short = await train({ ...fit, searchSteps: 6, upperLearningRate: 0 })
      assert.deepEqual(only(short.values, 'magnitude'), magnitudes)
      assert.ok(distance(only(delayed.values, 'magnitude'), magnitudes) > 1e-3)
    })

    it('a schedule of its own for the upper level', async () => {
      const { history } = await train({
        ...searchOnly,
        searchSteps: 4,
        upperSchedule: 'linear',
        upperWarmupRatio: 0.5,
        upperBatchSize: 3,
      })
      assert.deepEqual(
        history.map(({ upperLearningRate }) => upperLearningRate),
        [0, 0.015, 0.03, 0.015],
      )
      assert.deepEqual(
        history.map(({ lowerLearningRate }) => lowerLearningRate),
        [0.02, 0.02, 0.02, 0.02],
      )
    })

    it('upperClip: largest norm of the hypergradient, and of nothing else', async () => {
      const first = only((await start()).values, 'magnitude')
      const by = async (upperClip: number) =>
        (await train({ ...searchOnly, searchSteps: 1, upperClip, adamEpsilon: 1e-6 })).values
      const [free, clipped] = [await by(0), await by(1e-12)]
      // Adam's first step is the rate itself, but for a gradient below its epsilon.
      assert.ok(distance(only(free, 'magnitude'), first) > 1e-3)
      assert.ok(distance(only(clipped, 'magnitude'), first) < 1e-6)
      for (const kind of ['direction', 'head'] as const) assert.deepEqual(only(clipped, kind), only(free, kind))
    })

    it('rollBack: with magnitudes that stay, one step is one step, and two are the second alone', async () => {
      const rolled = { ...searchOnly, rollBack: true, upperLearningRate: 0, searchSteps: 6 }
      const plain = await train({ ...searchOnly, upperLearningRate: 0, searchSteps: 6 })
      assert.deepEqual((await train(rolled)).values, plain.values)
      // Every second batch only, at the rates of three steps.
      const skipping: Work = async training => {
        const [parts] = splitLevels(training, 0)
        const stream = training.stream('lower', parts!.lower)
        const level = training.level(training.parametersOf('lower'), {
          learningRate: 0.02,
          steps: 3,
          kind: 'linear',
          warmupRatio: 0,
        })
        for (let round = 0; round < 3; round++) {
          stream.next()
          const batch = training.batchOf(stream.next(), 8) as Parameters<Training['loss']>[0]
          level.update(grad(training.loss(batch), [...level.parameters]))
        }
        level.dispose()
      }
      const two = { ...rolled, schedule: 'linear', unrollSteps: 2, orthogonality: 0 } as const
      const [got, wanted] = [await train(two), await train(two, skipping)]
      assert.ok(distance(got.values, wanted.values) < 1e-12, String(distance(got.values, wanted.values)))
    })
  })

  describe('choice of magnitudes', () => {
    const steps = 8
    const at = async (searchSteps: number, rates: GivenFitSettings = {}) => {
      let loss = NaN
      const { values } = await train({ ...searchOnly, ...rates, searchSteps, unrollSteps: 2 }, async training => {
        await searchBy(training, {})
        loss = await training.evaluate(splitLevels(training, 0)[0]!.upper)
      })
      return { values, loss }
    }

    it('best: the point with the lowest loss over the whole upper part, directions with it', async () => {
      // Rates that overshoot, in an order of batches in which the last point is not the best.
      const rates = { upperLearningRate: 1.5, lowerLearningRate: 0.2, lengthWindow: 8 }
      const points: Awaited<ReturnType<typeof at>>[] = []
      for (let searchSteps = 2; searchSteps <= steps; searchSteps += 2) points.push(await at(searchSteps, rates))
      const best = points.reduce((least, point) => (point.loss < least.loss ? point : least))
      assert.notEqual(best, points.at(-1))
      const fit: GivenFitSettings = { ...searchOnly, ...rates, searchSteps: steps, unrollSteps: 2, magnitudes: 'best' }
      assert.deepEqual((await train({ ...fit, chooseEvery: 1 })).values, best.values)
      // Left out, every pass over the upper part (12 examples, batches of 8).
      const looked = [points[1]!, points[3]!].reduce((least, point) => (point.loss < least.loss ? point : least))
      assert.notEqual(looked, best)
      assert.deepEqual((await train(fit)).values, looked.values)
      // One look at the end only: the last.
      assert.deepEqual((await train({ ...fit, chooseEvery: 100 })).values, points.at(-1)!.values)
    })

    it('average: the mean of the magnitudes after the last upper steps; directions stay the last', async () => {
      const points = [await at(4), await at(6), await at(8)].map(({ values }) => values)
      const fit: GivenFitSettings = {
        ...searchOnly,
        searchSteps: steps,
        unrollSteps: 2,
        magnitudes: 'average',
        averageFraction: 0.75,
      }
      const { values, points: kept } = await train(fit)
      const mean = new Map(
        [...only(points[0]!, 'magnitude')].map(([name, first]) => [
          name,
          first.map((value, index) => (value + points[1]!.get(name)![index]! + points[2]!.get(name)![index]!) / 3),
        ]),
      )
      assert.deepEqual(only(values, 'magnitude'), mean)
      for (const kind of ['direction', 'head'] as const) assert.deepEqual(only(values, kind), only(points[2]!, kind))
      assert.ok([...kept.keys()].every(name => name.startsWith('start.')))
    })
  })

  describe('folds', () => {
    it('batches of every search, in folds and repeats, come in an order of their own', async () => {
      await train({ ...still, folds: 2, repeats: 2 }, async training => {
        const [parts] = splitLevels(training, 0)
        const orders = [0, 1].flatMap(repeat =>
          [0, 1].map(fold => {
            const { lower, upper, plan } = searchOf(training, { repeat, fold, parts: parts! })
            for (const level of [lower, upper]) level.dispose()
            return String(plan.streams.lower.next())
          }),
        )
        assert.equal(new Set(orders).size, 4)
      })
    })

    it('each example is in one upper part; magnitudes are the mean of the searches, all from the same start', async () => {
      const fit: GivenFitSettings = { ...still, folds: 3, searchSteps: 4 }
      const found: Map<string, number[]>[] = []
      for (const fold of [0, 1, 2]) {
        await train(fit, async training => {
          const splits = splitLevels(training, 0)
          assert.deepEqual(
            splits.flatMap(({ upper }) => upper).sort((a, b) => a - b),
            training.allPlaces(),
          )
          for (const { lower, upper } of splits) {
            assert.deepEqual(
              [...lower, ...upper].sort((a, b) => a - b),
              training.allPlaces(),
            )
            assert.equal(upper.length, 20)
            assert.equal(upper.filter(place => training.keys()[place] === 0).length, 10)
          }
          await searchBy(training, { fold })
          found.push(new Map(training.parametersOf('upper').map(([name, value]) => [name, value.tolist() as number[]])))
        })
      }
      assert.ok(distance(found[0]!, found[1]!) > 1e-3)
      const { values, history } = await train(fit)
      const mean = new Map(
        [...found[0]!].map(([name, first]) => [
          name,
          first.map((value, index) => (value + found[1]!.get(name)![index]! + found[2]!.get(name)![index]!) / 3),
        ]),
      )
      assert.deepEqual(only(values, 'magnitude'), mean)
      assert.deepEqual(only(values, 'direction'), only((await start()).values, 'direction'))
      assert.deepEqual(
        history.map(({ phase, part, step: done }) => [phase, part, done]),
        [undefined, 2, 3]
          .flatMap(part => [1, 2, 3, 4].map(done => ['search', part, done]))
          .concat([['retrain', undefined, 1]]),
      )
    })
  })

  describe('retraining', () => {
    const searched = () => train({ ...searchOnly, searchSteps: 5, weightDecay: 0 })

    it('retrain false: the model stays where the search has led', async () => {
      const { values, history } = await searched()
      const whole = await train({ ...still, searchSteps: 5, directionsFrom: 'searched' })
      assert.deepEqual(values, whole.values)
      assert.ok(history.every(({ phase }) => phase === 'search'))
      assert.ok(distance(only(values, 'direction'), only((await start()).values, 'direction')) > 0.01)
    })

    it('directionsFrom and headFrom: start or searched, each by itself', async () => {
      const [first, last] = [(await start()).values, (await searched()).values]
      for (const directionsFrom of ['start', 'searched'] as const)
        for (const headFrom of ['start', 'searched', undefined] as const) {
          const { values } = await train({ ...still, searchSteps: 5, directionsFrom, headFrom })
          const from = (place: 'start' | 'searched') => (place === 'start' ? first : last)
          assert.deepEqual(only(values, 'magnitude'), only(last, 'magnitude'))
          assert.deepEqual(only(values, 'direction'), only(from(directionsFrom), 'direction'))
          assert.deepEqual(only(values, 'head'), only(from(headFrom ?? directionsFrom), 'head'))
        }
    })

    it('retrainMagnitudes: they move on from what was searched; else they keep its bits', async () => {
      const moving = {
        ...even,
        ...published,
        searchSteps: 5,
        retrainSteps: 5,
        retrainLearningRate: 0.02,
        weightDecay: 0,
      }
      const magnitudes = only((await searched()).values, 'magnitude')
      assert.deepEqual(only((await train(moving)).values, 'magnitude'), magnitudes)
      const trained = only((await train({ ...moving, retrainMagnitudes: true })).values, 'magnitude')
      const moved = distance(trained, magnitudes)
      assert.ok(moved > 1e-3 && moved < 0.5, String(moved))
    })
  })

  describe('decay of magnitudes', () => {
    // One step, whose gradients know nothing of the decay.
    const search: GivenFitSettings = { ...searchOnly, searchSteps: 1, clip: 0 }
    const retraining: GivenFitSettings = {
      search: false,
      retrainMagnitudes: true,
      retrainSteps: 1,
      retrainLearningRate: 0.02,
      schedule: 'constant',
      warmupRatio: 0,
      clip: 0,
    }

    it('weightDecay is not theirs where they move in the retraining', async () => {
      const without = (await train({ ...retraining, weightDecay: 0 })).values
      const much = (await train({ ...retraining, weightDecay: 0.5 })).values
      assert.deepEqual(only(much, 'magnitude'), only(without, 'magnitude'))
      assert.ok(distance(only(without, 'magnitude'), only((await start()).values, 'magnitude')) > 1e-3)
      assert.ok(distance(only(much, 'direction'), only(without, 'direction')) > 1e-3)
    })

    it('upperWeightDecay is theirs in the search: rate times decay of what they were', async () => {
      const first = only((await start()).values, 'magnitude')
      const without = only((await train(search)).values, 'magnitude')
      const decayed = only((await train({ ...search, upperWeightDecay: 0.5 })).values, 'magnitude')
      for (const [name, values] of decayed) {
        for (const [index, value] of values.entries()) {
          const wanted = without.get(name)![index]! - 0.03 * 0.5 * first.get(name)![index]!
          assert.ok(Math.abs(value - wanted) < 1e-12, `${name}: ${value} and ${wanted}`)
        }
      }
    })
  })

  describe('without a search', () => {
    const fit: GivenFitSettings = { retrainSteps: 12, retrainLearningRate: 0.02 }

    it('magnitudes keep the bits of their start, and the rest is as after a search that moves none', async () => {
      const { values, history } = await train({ ...fit, search: false })
      assert.deepEqual(only(values, 'magnitude'), only((await start()).values, 'magnitude'))
      assert.deepEqual(values, (await train({ ...fit, searchSteps: 2, upperLearningRate: 0 })).values)
      assert.ok(history.every(({ phase }) => phase === 'retrain'))
    })

    it('one level: all parameters on all examples is DoRA with its norm in the graph', async () => {
      const one = await train({ ...fit, search: false, retrainMagnitudes: true, orthogonality: 0 })
      const dora = await trainTiny(here.base, fit, { model: { method: 'dora', detachNorm: false } })
      assert.ok(distance(one.values, dora.values) < 1e-9, String(distance(one.values, dora.values)))
      assert.ok(distance(only(one.values, 'magnitude'), only((await start()).values, 'magnitude')) > 1e-3)
    })
  })

  describe('repeats', () => {
    it('the second time begins where the first has ended, with another split, and retrains from there', async () => {
      const fit: GivenFitSettings = { ...even, searchSteps: 4, retrainSteps: 5, retrainLearningRate: 0.02 }
      const once = await train(fit)
      const twice = await train({ ...fit, repeats: 2 })
      const begun = new Map([...twice.points].map(([name, value]) => [name.replace(/^start\./, ''), value]))
      assert.deepEqual(begun, once.values)
      assert.deepEqual(
        twice.history.slice(0, once.history.length).map(line => ({ ...line, examplesPerSecond: 0 })),
        once.history.map(line => ({ ...line, examplesPerSecond: 0 })),
      )
      assert.deepEqual(
        [...new Set(twice.history.map(({ phase, part }) => `${phase} ${part ?? 1}`))],
        ['search 1', 'retrain 1', 'search 2', 'retrain 2'],
      )
      assert.ok(distance(only(twice.values, 'magnitude'), only(once.values, 'magnitude')) > 1e-4)
      const still2 = await train({ ...fit, repeats: 2 }, async training => {
        assert.notDeepEqual(splitLevels(training, 1), splitLevels(training, 0))
      })
      assert.ok(still2)
    })
  })

  /** One search by hand, as `trainBidora` makes it. */
  async function searchBy(
    training: Training,
    {
      fold = 0,
      round = () => {},
      moves = () => ({}),
    }: { fold?: number; round?: () => void; moves?: (lower: Level) => Partial<RoundOptions> },
  ): Promise<void> {
    const parts = splitLevels(training, 0)[fold]!
    const { lower, upper, hypergradient, plan } = searchOf(training, { repeat: 0, fold, parts })
    const gamma = training.settings.orthogonality
    const problem = {
      lowerLoss: (batch: Parameters<Training['loss']>[0]) =>
        ops.add(training.loss(batch), ops.mul(training.orthogonality(), gamma)),
      upperLoss: (batch: Parameters<Training['loss']>[0]) => training.upperLoss(batch),
      lowerParameters: lower.parameters,
      upperParameters: upper.parameters,
    }
    await training.phase({
      ...plan,
      round(batches) {
        round()
        return step(problem, batches, {
          updateLower: lower.update,
          updateUpper: upper.update,
          hypergradient,
          ...moves(lower),
        })
      },
    })
  }
})
