export { readArrow } from './arrow.ts'
export type { DataSource } from './bytes.ts'
export { type Columns, findColumns, type NamedColumns } from './columns.ts'
export { type ConllOptions, readConll } from './conll.ts'
export { type CsvOptions, readCsv } from './csv.ts'
export type { AnyDataset, Dataset, DatasetInfo, DatasetOptions, PartName } from './dataset.ts'
export { requirePart, requireTask } from './dataset.ts'
export type {
  Example,
  ExampleOf,
  ExampleOptions,
  GenerationExample,
  InputOf,
  Label,
  Rows,
  Task,
  TextInput,
  TokenExample,
} from './examples.ts'
export { collectExamples, collectInputs } from './examples.ts'
export { type FileFormat, type FormatOptions, formatOf } from './file-rows.ts'
export { readJsonl } from './jsonl.ts'
export { encodeLabels, findLabels, type LabelSet, labelIndex, labelSet, prepareLabels } from './labels.ts'
export { type Line, readLines } from './lines.ts'
export { loadDataset } from './load-dataset.ts'
export { type LoadFileOptions, loadFile, readInputs } from './load-file.ts'
export { readParquet } from './parquet.ts'
export { Random, shuffle } from './random.ts'
export { groupReferences, type ReferencedExample } from './references.ts'
export { type DatasetName, type DatasetNamed, datasetNames } from './registry.ts'
export type { NamedRow, Row } from './rows.ts'
export { loadSpamAssassin } from './spamassassin.ts'
export { assertEnoughForTwoLevels, lowerCount, type Split, type SplitOptions, stratifiedSplit } from './split.ts'
export { type ExampleStream, type StreamOptions, streamFiles } from './stream-files.ts'
export type { RowPlace, StreamState } from './stream-state.ts'
export {
  type Entity,
  entitiesOf,
  type TagOptions,
  type TagScheme,
  toBio2,
  toIob1,
  toIobes,
} from './tag-schemes.ts'
export {
  collectTaggingInputs,
  collectTokenExamples,
  encodeTags,
  marksEntities,
  prepareTags,
  type TaggingInput,
} from './token-examples.ts'
export { readTsv } from './tsv.ts'
