import type { BidoraError } from '../errors.ts'
import type { Dataset, DatasetEntry, DatasetOptions } from './dataset.ts'
import { fileIn, findFolder } from './dataset-folder.ts'
import { type LoadedPart, loadParts, type PartFiles, tolerated } from './dataset-parts.ts'
import type { TokenExample } from './examples.ts'
import { readExamples } from './file-examples.ts'
import type { TagScheme } from './tag-schemes.ts'

interface TokenPart extends PartFiles<{ name: string }> {
  /** Sentences of the official part, lines that mark documents not counted. */
  rows: number
}

/** A corpus of tagged sentences. */
interface TokenCorpus {
  name: string
  /** Other names of its folder. */
  folders?: readonly string[]
  /** Types of entities in the order of their tags. */
  types: readonly string[]
  /** How its files are tagged. */
  scheme: TagScheme
  parts: Record<'train' | 'validation' | 'test', TokenPart>
}

const part = (rows: number, ...names: string[]): TokenPart => ({ rows, alternatives: names.map(name => [{ name }]) })

/** Corpora by the file names of their distributors; the first of JNLPBA and NCBI-disease is the one of Crichton et al. (2017). */
const corpora = [
  {
    name: 'conll2003',
    types: ['PER', 'ORG', 'LOC', 'MISC'],
    scheme: 'iob1',
    parts: {
      train: part(14041, 'eng.train', 'train.txt'),
      validation: part(3250, 'eng.testa', 'valid.txt'),
      test: part(3453, 'eng.testb', 'test.txt'),
    },
  },
  {
    name: 'jnlpba',
    types: ['DNA', 'RNA', 'cell_line', 'cell_type', 'protein'],
    scheme: 'bio2',
    parts: {
      train: part(16807, 'train.tsv'),
      validation: part(1739, 'devel.tsv'),
      test: part(3856, 'test.tsv'),
    },
  },
  {
    name: 'ncbi-disease',
    folders: ['NCBI-disease-IOB'],
    types: ['Disease'],
    scheme: 'bio2',
    parts: {
      train: part(5424, 'train.tsv'),
      validation: part(923, 'devel.tsv'),
      test: part(940, 'test.tsv'),
    },
  },
] as const satisfies readonly TokenCorpus[]

/** Corpora for token classification: `{ tokens, labels }` with BIO2 labels, whatever the files are tagged in. */
export const tokenEntries = corpora.map(corpus => ({
  name: corpus.name,
  task: 'token-classification' as const,
  load: (dir: string, options: DatasetOptions) => loadCorpus(corpus, dir, options),
})) satisfies readonly DatasetEntry[]

async function loadCorpus(
  corpus: TokenCorpus,
  dir: string,
  options: DatasetOptions,
): Promise<Dataset<'token-classification'>> {
  const { name, types } = corpus
  const folder = await findFolder(dir, name, ...(corpus.folders ?? []))
  const loaded = await loadParts<'token-classification', { name: string }>(name, folder, corpus.parts, (files, asked) =>
    loadPart(corpus, fileIn(folder, files[0]!.name)!, asked, options),
  )
  const { parts, missing, partial, warnings } = loaded
  return {
    train: parts.train,
    validation: parts.validation,
    test: parts.test,
    info: {
      name,
      task: 'token-classification',
      problemType: undefined,
      labels: ['O', ...types.flatMap(type => [`B-${type}`, `I-${type}`])],
      pair: false,
      metrics: ['f1', 'precision', 'recall', 'accuracy'],
      partial,
      warnings,
      notes: corpus.scheme === 'iob1' ? ['entity tags turned from IOB1 into BIO2'] : [],
      folder: folder.path,
      missing,
    },
  }
}

async function loadPart(
  { types, scheme }: TokenCorpus,
  path: string,
  part: TokenPart,
  options: DatasetOptions,
): Promise<LoadedPart<TokenExample>> {
  const examples: TokenExample[] = []
  const problems: BidoraError[] = []
  const known = ['O', ...['B', 'I'].flatMap(mark => types.map(type => `${mark}-${type}`))]
  // Tags out of order are not refused: the official eng.train has a B-MISC after O, and repackaged files are in BIO2.
  const reading = { format: 'conll', scheme, labels: known } as const
  for await (const outcome of readExamples(path, 'token-classification', reading, true)) {
    if ('row' in outcome) examples.push(outcome.row)
    else if (problems.push(outcome.error) > tolerated(part, options)) throw problems[0]
  }
  return {
    examples,
    rows: examples.length + problems.length,
    warnings: problems.map(problem => `${problem.message} [skipped]`),
  }
}
