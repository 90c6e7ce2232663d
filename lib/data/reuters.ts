import { DataError } from '../errors.ts'
import type { Dataset, DatasetEntry, DatasetOptions, PartName } from './dataset.ts'
import { type Folder, fileIn, findFolder } from './dataset-folder.ts'
import type { Example } from './examples.ts'
import { type ReutersDocument, readReuters } from './reuters-sgml.ts'

/** A division of the collection, by the attributes of its documents (README of the collection, section VIII). */
interface ReutersSplit {
  name: string
  part(attributes: ReutersDocument['attributes']): 'train' | 'test' | undefined
  rows: { train: number; test: number }
}

const lewis = { TRAIN: 'train', TEST: 'test' } as const
const hayes = { 'TRAINING-SET': 'train', 'PUBLISHED-TESTSET': 'test' } as const

const splits = [
  {
    name: 'reuters21578-modapte',
    part: ({ LEWISSPLIT, TOPICS }) => (TOPICS === 'YES' ? lewis[LEWISSPLIT as 'TRAIN'] : undefined),
    rows: { train: 9603, test: 3299 },
  },
  {
    name: 'reuters21578-modhayes',
    part: ({ CGISPLIT }) => hayes[CGISPLIT as 'TRAINING-SET'],
    rows: { train: 20856, test: 722 },
  },
  {
    name: 'reuters21578-modlewis',
    part: ({ LEWISSPLIT, TOPICS }) => (TOPICS === 'BYPASS' ? undefined : lewis[LEWISSPLIT as 'TRAIN']),
    rows: { train: 13625, test: 6188 },
  },
] as const satisfies readonly ReutersSplit[]

/** Reuters-21578, Distribution 1.0, by its three usual divisions: several topics a document, or none. */
export const reutersEntries = splits.map(split => ({
  name: split.name,
  task: 'text-classification' as const,
  load: (dir: string, options: DatasetOptions) => loadReuters(split, dir, options),
})) satisfies readonly DatasetEntry[]

const fileNames = Array.from({ length: 22 }, (_, i) => `reut2-${String(i).padStart(3, '0')}.sgm`)

async function loadReuters(split: ReutersSplit, dir: string, options: DatasetOptions): Promise<Dataset> {
  const { name } = split
  const folder = await findFolder(dir, 'reuters21578')
  const parts: Record<'train' | 'test', ReutersDocument[]> = { train: [], test: [] }
  const warnings: string[] = []
  for (const document of await readAll(name, folder, warnings)) {
    const part = split.part(document.attributes)
    if (part !== undefined) parts[part].push(document)
  }
  const partial = warnings.length > 0
  for (const part of ['train', 'test'] as const) {
    const [rows, official] = [parts[part].length, split.rows[part]]
    if (rows !== official) warnings.push(`${name}: the ${part} part has ${rows} of the official ${official} documents`)
  }
  const [training, tested] = [topicsOf(parts.train), topicsOf(parts.test)]
  const both = training.filter(topic => tested.includes(topic))
  const labels = options.topics === 'both' ? both : training
  const missing: Partial<Record<PartName, string>> = {}
  const examples = (part: 'train' | 'test') => {
    if (parts[part].length > 0) return parts[part].map(document => toExample(document, labels))
    missing[part] = `${fileNames[0]} to ${fileNames.at(-1)}`
    return undefined
  }
  for (const part of ['train', 'test'] as const) warnings.push(...cautions(name, part, parts[part], labels))
  const all = new Set([...training, ...tested]).size
  return {
    train: examples('train'),
    validation: undefined,
    test: examples('test'),
    info: {
      name,
      task: 'text-classification',
      problemType: 'multi-label',
      labels,
      pair: false,
      metrics: ['microF1', 'macroF1'],
      partial,
      warnings,
      notes: [
        `topics: ${training.length} in training, ${tested.length} in test, ${both.length} in both, ${all} in all; labels: ${labels.length}, ` +
          (options.topics === 'both' ? 'those in both' : 'those of training'),
        ...(['train', 'test'] as const).map(part => {
          const bare = parts[part].filter(({ topics }) => topics.length === 0).length
          return `${part}: ${parts[part].length} documents, ${bare} of them without a topic, kept as examples of none`
        }),
      ],
      folder: folder.path,
      missing,
    },
  }
}

async function readAll(name: string, folder: Folder, warnings: string[]): Promise<ReutersDocument[]> {
  const paths = fileNames.map(file => fileIn(folder, file))
  const absent = fileNames.filter((_, i) => paths[i] === undefined)
  if (absent.length === fileNames.length) {
    throw new DataError(
      'DATA_FOLDER',
      `${folder.path}: expected files of ${name} (${fileNames[0]} to ${fileNames.at(-1)}), got ${folder.names.slice(0, 8).join(', ') || 'none'}; put them there`,
      { folder: folder.path, name },
    )
  }
  if (absent.length > 0) warnings.push(`${name}: not in ${folder.path}: ${absent.join(', ')}`)
  const documents: ReutersDocument[] = []
  for (const path of paths) if (path !== undefined) documents.push(...(await readReuters(path)))
  return documents
}

function topicsOf(documents: readonly ReutersDocument[]): string[] {
  return [...new Set(documents.flatMap(({ topics }) => topics))].sort()
}

function toExample({ text, date, topics }: ReutersDocument, labels: readonly string[]): Example {
  return { text: text === '' ? date : text, label: topics.filter(topic => labels.includes(topic)) }
}

/** What a score on these examples leaves out. */
function cautions(
  name: string,
  part: string,
  documents: readonly ReutersDocument[],
  labels: readonly string[],
): string[] {
  const unknown = topicsOf(documents).filter(topic => !labels.includes(topic))
  const touched = documents.filter(({ topics }) => topics.some(topic => unknown.includes(topic))).length
  const empty = documents.filter(({ text }) => text === '')
  return [
    ...(unknown.length > 0
      ? [
          `${name}: ${part} has topics that are no labels (${unknown.join(', ')}); they are left out of ${touched} documents`,
        ]
      : []),
    ...empty.map(({ id }) => `${name}: document ${id} of ${part} has no text; its date stands for it`),
  ]
}
