import type { BidoraError } from '../errors.ts'
import type { Dataset, DatasetEntry, DatasetOptions } from './dataset.ts'
import { fileIn, findFolder } from './dataset-folder.ts'
import { type LoadedPart, loadParts, type PartFiles, tolerated } from './dataset-parts.ts'
import type { GenerationExample } from './examples.ts'
import { readExamples } from './file-examples.ts'
import { groupReferences } from './references.ts'

interface E2eFile {
  name: string
  /** Whether a row of it is an example; else all references of one meaning representation are. */
  single: boolean
}

// Rows are pairs of a meaning representation and a reference. Without its references (testset.csv) the test scores nothing.
const parts = {
  train: { rows: 42061, alternatives: [[{ name: 'trainset.csv', single: true }]] },
  validation: { rows: 4672, alternatives: [[{ name: 'devset.csv', single: false }]] },
  test: { rows: 4693, alternatives: [[{ name: 'testset_w_refs.csv', single: false }]] },
} satisfies Record<string, PartFiles<E2eFile>>

/**
 * The E2E NLG Challenge: texts about restaurants from what they are to say. A row of the training part is an example; in the
 * other parts all references of one meaning representation are (547 and 630 of them), which is what is scored.
 */
export const e2eEntry = {
  name: 'e2e',
  task: 'text-generation',
  load: loadE2e,
} as const satisfies DatasetEntry

async function loadE2e(dir: string, options: DatasetOptions): Promise<Dataset<'text-generation'>> {
  const folder = await findFolder(dir, 'e2e', 'e2e-dataset')
  const loaded = await loadParts<'text-generation', E2eFile>('e2e', folder, parts, ([file], part) =>
    loadPart(fileIn(folder, file!.name)!, file!.single, part, options),
  )
  return {
    train: loaded.parts.train,
    validation: loaded.parts.validation,
    test: loaded.parts.test,
    info: {
      name: 'e2e',
      task: 'text-generation',
      problemType: undefined,
      labels: undefined,
      pair: false,
      metrics: ['bleu', 'nist', 'rougeL', 'cider'],
      partial: loaded.partial,
      warnings: loaded.warnings,
      notes: ['references grouped by meaning representation in validation and test'],
      folder: folder.path,
      missing: loaded.missing,
    },
  }
}

async function loadPart(
  path: string,
  single: boolean,
  part: PartFiles<E2eFile>,
  options: DatasetOptions,
): Promise<LoadedPart<GenerationExample>> {
  const examples: GenerationExample[] = []
  const problems: BidoraError[] = []
  const reading = { format: 'csv' } as const
  for await (const outcome of readExamples(path, 'text-generation', reading, true)) {
    if ('row' in outcome) examples.push(outcome.row)
    else if (problems.push(outcome.error) > tolerated(part, options)) throw problems[0]
  }
  return {
    examples: single ? examples : groupReferences(examples),
    rows: examples.length + problems.length,
    warnings: problems.map(problem => `${problem.message} [skipped]`),
  }
}
