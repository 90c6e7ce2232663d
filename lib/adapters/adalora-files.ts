import { FormatError } from '../errors.ts'
import { isJsonObject, toDiskName } from '../io/index.ts'
import type { Module } from '../nn/index.ts'
import { AdaloraLinear, adaloraLayers, type AdaloraSettings, type RankPattern } from './adalora.ts'
import { standIn } from './attach.ts'
import type { ConfigReader } from './config-reader.ts'
import type { AdapterKind } from './kinds.ts'
import { findLinear } from './targets.ts'

/** AdaLoRA among the methods: where its layers stand, and its folders, whose ranks are those that are left. */
export const adalora: AdapterKind<AdaloraSettings> = {
  peftType: 'ADALORA',

  attach(model: Module, settings: AdaloraSettings, head: readonly string[]): void {
    const targets = findLinear(model, settings.targetModules, head)
    const names = new Set(targets.map(([path]) => nameOf(path)))
    const strange = Object.keys(settings.rankPattern ?? {}).filter(name => !names.has(name))
    if (strange.length > 0) {
      throw new FormatError(
        'ADAPTER_TARGET',
        `rank_pattern: expected layers that are adapted, got ${strange.slice(0, 5).join(', ')}; take the base model and the targets that it was made with`,
        { names: strange },
      )
    }
    standIn(model, targets, (layer, path) => new AdaloraLinear(layer, settings, settings.rankPattern?.[nameOf(path)]))
  },

  present(model: Module, { rankPattern: _, ...settings }: AdaloraSettings): AdaloraSettings {
    const layers = [...adaloraLayers(model)]
    if (layers.every(([, layer]) => layer.pattern === undefined)) return settings
    const all = Array.from({ length: settings.initialRank ?? 12 }, () => true)
    return {
      ...settings,
      rankPattern: Object.fromEntries(layers.map(([path, layer]) => [nameOf(path), layer.pattern ?? all])),
    }
  },

  fields({ rank, initialRank = 12, loraAlpha, loraDropout = 0, allocation, rankPattern }) {
    const { totalSteps, tinit, tfinal, deltaT, beta1, beta2, orthRegWeight } = allocation ?? untrained
    const pattern =
      rankPattern && Object.fromEntries(Object.entries(rankPattern).map(([name, list]) => [name, [...list]]))
    return {
      beta1,
      beta2,
      bias: 'none',
      deltaT,
      fan_in_fan_out: false,
      init_lora_weights: true,
      init_r: initialRank,
      lora_alpha: loraAlpha,
      lora_dropout: loraDropout,
      orth_reg_weight: orthRegWeight,
      rank_pattern: pattern ?? null,
      target_r: rank,
      tfinal,
      tinit,
      total_step: totalSteps,
      use_dora: false,
      use_rslora: false,
    }
  },

  read(reader) {
    reader.refuseOthers(understood, {
      bias: ['none'],
      fan_in_fan_out: [false],
      // These only fill the adapter, which the file then holds.
      init_lora_weights: [true, false],
    })
    const initialRank = reader.whole('init_r', 1)
    const rankPattern = patternOf(reader, initialRank)
    const decay = (key: string) => reader.number(key, 'a number between 0 and 1', value => value > 0 && value < 1)
    return {
      method: 'adalora',
      rank: reader.whole('target_r', 1),
      initialRank,
      loraAlpha: reader.number('lora_alpha', 'a number above 0', value => value > 0),
      loraDropout: reader.probability('lora_dropout'),
      targetModules: reader.targets(),
      allocation: {
        totalSteps: reader.whole('total_step', 1),
        tinit: reader.whole('tinit', 0),
        tfinal: reader.whole('tfinal', 0),
        deltaT: reader.whole('deltaT', 1),
        beta1: decay('beta1'),
        beta2: decay('beta2'),
        orthRegWeight: reader.number('orth_reg_weight', 'a number of at least 0', value => value >= 0),
      },
      ...(rankPattern ? { rankPattern } : {}),
    }
  },
}

/** What PEFT takes where nothing is said; it refuses a schedule without steps. */
const untrained = { totalSteps: 1, tinit: 0, tfinal: 0, deltaT: 1, beta1: 0.85, beta2: 0.85, orthRegWeight: 0.5 }

const understood = [
  ...[
    'r',
    'init_r',
    'target_r',
    'lora_alpha',
    'lora_dropout',
    'rank_pattern',
    'total_step',
    'tinit',
    'tfinal',
    'deltaT',
  ],
  ...['beta1', 'beta2', 'orth_reg_weight', 'megatron_core', 'qalora_group_size'],
]

function nameOf(path: string): string {
  return `${toDiskName(path)}.lora_E`
}

function patternOf(reader: ConfigReader, initialRank: number): RankPattern | undefined {
  const { rank_pattern: pattern } = reader.config
  if (pattern === null || pattern === undefined) return undefined
  const isRight = (list: unknown): list is boolean[] =>
    Array.isArray(list) && list.length === initialRank && list.every(place => typeof place === 'boolean')
  if (isJsonObject(pattern) && Object.values(pattern).every(isRight)) {
    const entries = Object.entries(pattern).map(([name, list]) => [name.replace(/\.default$/, ''), list])
    return Object.fromEntries(entries) as RankPattern
  }
  throw reader.fault(
    `expected rank_pattern to be null or ${initialRank} times true or false for each layer, got ${JSON.stringify(pattern).slice(0, 80)}`,
    { key: 'rank_pattern' },
  )
}
