import { noGrad } from '../autograd/index.ts'
import { toDiskName } from '../io/index.ts'
import * as ops from '../ops/index.ts'
import { scope } from '../tensor/index.ts'
import type { Row } from './rows.ts'
import type { TunableModel } from './tunable-model.ts'

/** The bias of a head's last layer, in BERT's form and in RoBERTa's. */
const OUTPUT_BIAS = /^classifier\.(outProj\.)?bias$/

/**
 * Lets a new regression head answer with the mean of its training targets from the first step on, by its bias.
 *
 * A new head answers 0, and a bias moves by about the learning rate a step: with scores around 2.5, a short training is
 * spent on that way (figures in the README of this room). A head that was read from a checkpoint or was trained before
 * stays as it is.
 */
export function centreNewHead({ classifier, settings }: TunableModel, rows: readonly Row[]): void {
  if (settings.problemType !== 'regression' || settings.compat === 'official') return
  const [name, bias] = classifier.namedParameters().find(([path]) => OUTPUT_BIAS.test(path)) ?? []
  if (name === undefined || bias === undefined || !classifier.origin?.created.includes(toDiskName(name))) return
  scope(() => {
    if (ops.any(bias).item()) return // sync
    const mean = rows.reduce((sum, { target }) => sum + (target as number), 0) / rows.length
    noGrad(() => ops.fill_(bias, mean))
  })
}
