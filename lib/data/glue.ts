import { type BidoraError, DataError, FormatError } from '../errors.ts'
import type { Dataset, DatasetEntry, DatasetOptions } from './dataset.ts'
import { type Folder, fileIn, findFolder } from './dataset-folder.ts'
import { type LoadedPart, loadParts, tolerated } from './dataset-parts.ts'
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

async function loadTask(task: GlueTask, dir: string, options: DatasetOptions): Promise<Dataset> {
  const folder = await findFolder(dir, task.name)
  const load = (files: readonly GlueFile[], part: GluePart) => loadPart(task, part, files, folder, options)
  // A test part with labels is more than most of GLUE has; without one a data set is whole.
  const loaded = await loadParts<'text-classification', GlueFile>(task.name, folder, task.parts, load, {
    spare: ['test'],
  })
  const { parts, missing, partial, warnings } = loaded
  return {
    train: parts.train,
    validation: parts.validation,
    test: parts.test,
    ...(task.parts.validationMismatched && { validationMismatched: parts.validationMismatched }),
    info: {
      name: task.name,
      task: 'text-classification',
      problemType: task.problemType,
      labels: task.labels,
      pair: task.parts.train.alternatives[0]![0]!.pair !== undefined,
      metrics: task.metrics,
      partial,
      warnings,
      notes: [],
      folder: folder.path,
      missing,
    },
  }
}

async function loadPart(
  task: GlueTask,
  part: GluePart,
  files: readonly GlueFile[],
  folder: Folder,
  options: DatasetOptions,
): Promise<LoadedPart<Example>> {
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
      if (problems.length > tolerated(part, options)) throw problems[0]
    }
  }
  const warnings = problems.map(problem => `${problem.message} [skipped]`)
  for (const { name, caution } of files) if (caution !== undefined) warnings.push(`${task.name}: ${name} is ${caution}`)
  return { examples, rows: examples.length + problems.length, warnings }
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
