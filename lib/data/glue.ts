import { type BidoraError, DataError, FormatError } from '../errors.ts'
import type { Dataset, DatasetEntry, DatasetOptions, PartName } from './dataset.ts'
import { type Folder, fileIn, findFolder } from './dataset-folder.ts'
import { checkText, type Example, type Label, show } from './examples.ts'
import { type GlueColumn, type GlueFile, type GluePart, type GlueTask, glueTasks } from './glue-tasks.ts'
import { raggedRow, type Row } from './rows.ts'
import { parseScore } from './score.ts'
import { readTsv } from './tsv.ts'

/** GLUE's tasks by name. Labels are as the files have them: 0 and 1, or names; scores are numbers from 0 to 5. */
export const glueEntries = glueTasks.map(task => ({
  name: task.name,
  task: 'text-classification' as const,
  load: (dir: string, options: DatasetOptions) => loadTask(task, dir, options),
})) satisfies readonly DatasetEntry[]

interface LoadedPart {
  examples: Example[]
  warnings: string[]
  partial: boolean
}

async function loadTask(task: GlueTask, dir: string, options: DatasetOptions): Promise<Dataset> {
  const folder = await findFolder(dir, task.name)
  const loaded: Partial<Record<PartName, LoadedPart>> = {}
  const missing: Partial<Record<PartName, string>> = {}
  for (const [name, part] of Object.entries(task.parts) as [PartName, GluePart][]) {
    const files = part.alternatives.find(each => each.every(file => fileIn(folder, file.name) !== undefined))
    if (files === undefined) missing[name] = fileNames(part)
    else loaded[name] = await loadPart(task, part, files, folder, options)
  }
  const parts = Object.values(loaded)
  if (parts.length === 0) {
    throw new DataError(
      'DATA_FOLDER',
      `${folder.path}: expected files of ${task.name} (${missing.train}), got ${folder.names.slice(0, 8).join(', ') || 'none'}; put them there`,
      { folder: folder.path, name: task.name },
    )
  }
  // A test part with labels is more than most of GLUE has; without one a data set is whole.
  const needed = (Object.keys(missing) as PartName[]).filter(name => name !== 'test')
  return {
    train: loaded.train?.examples,
    validation: loaded.validation?.examples,
    test: loaded.test?.examples,
    ...(task.parts.validationMismatched && { validationMismatched: loaded.validationMismatched?.examples }),
    info: {
      name: task.name,
      task: 'text-classification',
      problemType: task.problemType,
      labels: task.labels,
      pair: task.parts.train.alternatives[0]![0]!.pair !== undefined,
      metrics: task.metrics,
      partial: needed.length > 0 || parts.some(part => part.partial),
      warnings: [
        ...parts.flatMap(part => part.warnings),
        ...needed.map(name => `${task.name}: no ${name} part in ${folder.path} (${missing[name]})`),
      ],
      notes: [],
      folder: folder.path,
      missing,
    },
  }
}

/** `a and b (or c)` */
function fileNames(part: GluePart): string {
  const [first, ...others] = part.alternatives.map(files => files.map(file => file.name).join(' and '))
  return first + others.map(other => ` (or ${other})`).join('')
}

async function loadPart(
  task: GlueTask,
  part: GluePart,
  files: readonly GlueFile[],
  folder: Folder,
  options: DatasetOptions,
): Promise<LoadedPart> {
  const examples: Example[] = []
  const problems: BidoraError[] = []
  for (const file of files) {
    const path = fileIn(folder, file.name)!
    for await (const row of readRows(path, file)) {
      if (row instanceof FormatError) problems.push(row)
      else {
        try {
          examples.push(toExample(task, path, row))
        } catch (error) {
          if (!(error instanceof DataError)) throw error
          problems.push(error)
        }
      }
      if (problems.length > 0 && (options.malformed === 'error' || problems.length > tolerated(part))) throw problems[0]
    }
  }
  const rows = examples.length + problems.length
  const names = files.map(file => file.name).join(' and ')
  const warnings = problems.map(problem => `${problem.message} [skipped]`)
  for (const { name, caution } of files) if (caution !== undefined) warnings.push(`${task.name}: ${name} is ${caution}`)
  const partial = rows < part.rows
  if (partial) warnings.push(`${task.name}: ${names} holds ${rows} of the official ${part.rows} rows`)
  return { examples, warnings, partial }
}

/** Few rows of GLUE's own files are malformed; where many are, it is another file. */
function tolerated(part: GluePart): number {
  return Math.max(10, part.rows / 1000)
}

/** The fields of a row that make an example. */
interface Cells {
  line: number
  text: string
  pair: string | undefined
  label: string
}

async function* readRows(path: string, file: GlueFile): AsyncGenerator<Cells | FormatError> {
  let header: readonly string[] | undefined
  for await (const row of readTsv(path)) {
    if (file.fields === undefined && header === undefined) {
      header = checkHeader(path, row, file)
      continue
    }
    const widths = file.fields ?? [header!.length]
    if (!widths.includes(row.fields.length)) yield raggedRow(path, row, `${widths.join(' or ')} fields`)
    else {
      const cell = (column: GlueColumn) => row.fields[typeof column === 'number' ? column : header!.indexOf(column)]!
      const pair = file.pair === undefined ? undefined : cell(file.pair)
      yield { line: row.line, text: cell(file.text), pair, label: cell(file.label) }
    }
  }
}

function checkHeader(path: string, row: Row, file: GlueFile): readonly string[] {
  const wanted = [file.text, file.pair, file.label].filter(column => typeof column === 'string')
  const missing = wanted.filter(column => !row.fields.includes(column))
  if (missing.length === 0) return row.fields
  throw new FormatError(
    'DATA_COLUMNS',
    `${path}:1: expected a header with ${wanted.join(', ')}, got ${show(row.fields.join(', '))}; check that this is GLUE's file`,
    { file: path, line: 1, missing },
  )
}

function toExample(task: GlueTask, path: string, cells: Cells): Example {
  const where = `${path}:${cells.line}`
  const text = checkText(where, cells.text)
  if (cells.pair === undefined) return { text, label: toLabel(task, where, cells.label) }
  return { text, pair: checkText(where, cells.pair, 'pair'), label: toLabel(task, where, cells.label) }
}

function toLabel(task: GlueTask, where: string, cell: string): Label {
  if (task.labels === undefined) {
    const score = parseScore(where, cell)
    if (score >= 0 && score <= 5) return score
    throw new DataError('DATA_SCORE', `${where}: expected a score from 0 to 5, got ${cell}; check the file`, { score })
  }
  if (task.labels.includes(cell)) return cell
  const index = /^\d$/.test(cell) ? Number(cell) : task.labels.length
  if (index < task.labels.length) return index
  throw new DataError(
    'DATA_UNKNOWN_LABEL',
    `${where}: expected a label ${task.labels.join(', ')} or its index, got ${show(cell)}; check the file`,
    { label: cell, labels: task.labels },
  )
}
