import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { attachedAdapters, mergeAdapters, saveAdapter } from '../adapters/index.ts'
import { ArgumentError, BidoraError } from '../errors.ts'
import { type JsonObject, readJsonObject, writeJson } from '../io/index.ts'
import { loadModel, saveModel } from '../models/index.ts'
import { logitsOf } from '../predict/index.ts'
import type { EncodedIds } from '../text/index.ts'
import { modelCard } from './model-card.ts'
import { placeFiles } from './place-files.ts'
import type { TunableModel } from './tunable-model.ts'
import type { FitReport, MergeReport } from './types.ts'

/** Largest error of merged logits, relative to the largest logit: rounding of one product instead of two. */
const TOLERANCE = { float32: 1e-4, float64: 1e-10 }

export interface SaveContext {
  readonly model: TunableModel
  /** Folder of the pretrained model. */
  readonly base: string
  readonly report: FitReport | undefined
}

/** What is saved beside the tensors under the key `bidora`, and read by `load.ts`. */
function extraOf({ settings, labels, maxLength, stride, precision }: TunableModel): JsonObject {
  const { task, problemType, method, dtype } = settings
  const narrow = precision === 'float32' ? {} : { precision }
  const own = task === 'token-classification' ? { stride } : { problemType }
  return { task, ...own, labels: labels ? [...labels.labels] : null, maxLength, method, dtype, ...narrow }
}

/**
 * Writes what was tuned: an adapter in PEFT's layout with its head, or for method `full` a Hugging Face checkpoint; the
 * tokenizer and a model card with it.
 *
 * @throws ArgumentError where the folder is the pretrained model's own
 */
export async function saveTuned(folder: string, { model, base, report }: SaveContext): Promise<void> {
  refuseBase('save', folder, base)
  await placeFiles(folder, async aside => {
    if (model.settings.method === 'full') {
      saveCheckpoint(aside, model)
    } else {
      saveAdapter(aside, model.classifier, {
        settings: model.tuning,
        base: resolve(base),
        taskType: model.task.peftType,
        extra: extraOf(model),
      })
    }
    await writeRest(aside, modelCard(model, base, report, 'adapter'), model)
  })
}

/**
 * Writes a plain Hugging Face checkpoint with no adapter left. It is read back and compared with the adapted model on a
 * batch before it takes its place.
 *
 * @param probe Texts of that batch.
 * @throws BidoraError where the logits differ by more than rounding; nothing is written then
 */
export async function mergeTuned(
  folder: string,
  probe: readonly EncodedIds[],
  { model, base, report }: SaveContext,
): Promise<MergeReport> {
  refuseBase('merge', folder, base)
  const { classifier, tokenizer } = model
  const options = { batchSize: 16, padding: tokenizer.padding() }
  const adapted = await logitsOf(classifier, probe, options)
  return placeFiles(folder, async aside => {
    const layers = attachedAdapters(classifier).size
    const merge = layers > 0 ? mergeAdapters(classifier) : undefined
    try {
      saveCheckpoint(aside, model)
    } finally {
      merge?.undo()
    }
    const written = loadModel(aside, {
      task: model.task.head,
      dtype: model.settings.dtype,
      device: model.device,
      copy: true,
    })
    const merged = await logitsOf(written, probe, options).finally(() => written.dispose())
    const maxRelativeError = relativeError(merged, adapted)
    if (!(maxRelativeError <= TOLERANCE[model.settings.dtype])) {
      throw new BidoraError(
        'MERGE_DIFFERS',
        `merge: expected the logits of the adapted model, got others (relative error ${maxRelativeError}); nothing was written`,
        { maxRelativeError },
      )
    }
    await writeRest(aside, modelCard(model, base, report, 'merged'), model)
    return { maxRelativeError, layers, texts: probe.length }
  })
}

function saveCheckpoint(folder: string, model: TunableModel): void {
  saveModel(model.classifier, folder)
  const file = join(folder, 'config.json')
  writeJson(file, { ...readJsonObject(file), bidora: extraOf(model) })
}

async function writeRest(folder: string, card: string, model: TunableModel): Promise<void> {
  await model.tokenizer.save(folder)
  await writeFile(join(folder, 'README.md'), card)
}

/** Largest difference, relative to the largest value. */
function relativeError(got: readonly Float64Array[], expected: readonly Float64Array[]): number {
  let largest = 0
  let difference = 0
  for (const [index, row] of expected.entries()) {
    for (const [column, value] of row.entries()) {
      largest = Math.max(largest, Math.abs(value))
      difference = Math.max(difference, Math.abs(got[index]![column]! - value))
    }
  }
  return largest === 0 ? difference : difference / largest
}

function refuseBase(where: string, folder: string, base: string): void {
  if (resolve(folder) !== resolve(base)) return
  throw new ArgumentError(
    'SAVE_OVER_BASE',
    `${where}: expected a folder of its own, got that of the pretrained model (${folder}); give another`,
    { folder },
  )
}
