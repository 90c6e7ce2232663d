import type { MetricName, ProblemType } from '../metrics/task-metrics.ts'
import type { PartName } from './dataset.ts'
import type { PartFiles } from './dataset-parts.ts'

/** A column by the name in the header, or by its place from 0 where there is no header. */
export type GlueColumn = string | number

/** How one file of a GLUE task is laid out. */
export interface GlueFile {
  name: string
  /** Fields of every row, where the file has no header to say so: the numbers that occur. */
  fields?: readonly number[] | undefined
  text: GlueColumn
  pair?: GlueColumn | undefined
  label: GlueColumn
  /** What a user should know before trusting the numbers. */
  caution?: string | undefined
}

/** Files that hold a part. */
export type GluePart = PartFiles<GlueFile>

/** One task of GLUE. */
export interface GlueTask {
  name: string
  problemType: ProblemType
  labels?: readonly string[] | undefined
  metrics: readonly MetricName[]
  parts: Record<'train' | 'validation', GluePart> & Partial<Record<PartName, GluePart>>
}

/** The same columns in files of other names. */
function files(columns: Omit<GlueFile, 'name'>, ...names: string[]): GlueFile[] {
  return names.map(name => ({ name, ...columns }))
}

const cola = { fields: [4], text: 3, label: 1 }
const sst2 = { text: 'sentence', label: 'label' }
const mrpc = { text: '#1 String', pair: '#2 String', label: 'Quality' }
const stsb = { text: 'sentence1', pair: 'sentence2', label: 'score' }
const rte = { text: 'sentence1', pair: 'sentence2', label: 'label' }
const qnli = { text: 'question', pair: 'sentence', label: 'label' }
const qqp = { text: 'question1', pair: 'question2', label: 'is_duplicate' }
const mnli = { text: 'sentence1', pair: 'sentence2', label: 'gold_label' }
// 1,000 pairs, the index as label.
const mnliSample = {
  text: 'text1',
  pair: 'text2',
  label: 'label',
  caution: 'a sample of MNLI with altered text, not for a figure to report',
}
// The original STS benchmark: no header, and two source columns more in some rows.
const stsTest = { fields: [7, 9], text: 5, pair: 6, label: 4 }

/**
 * GLUE's tasks, by GLUE's own file names and by those of the sources they were made from. Labels are in the order of
 * their indices; where the files hold names, in alphabetical order.
 */
export const glueTasks = [
  {
    name: 'cola',
    problemType: 'single-label',
    labels: ['unacceptable', 'acceptable'],
    metrics: ['matthews', 'accuracy'],
    parts: {
      train: { rows: 8551, alternatives: [files(cola, 'in_domain_train.tsv'), files(cola, 'train.tsv')] },
      // GLUE's development part is both of the corpus's.
      validation: {
        rows: 1043,
        alternatives: [files(cola, 'in_domain_dev.tsv', 'out_of_domain_dev.tsv'), files(cola, 'dev.tsv')],
      },
    },
  },
  {
    name: 'sst2',
    problemType: 'single-label',
    labels: ['negative', 'positive'],
    metrics: ['accuracy'],
    parts: {
      train: { rows: 67349, alternatives: [files(sst2, 'train.tsv')] },
      validation: { rows: 872, alternatives: [files(sst2, 'dev.tsv')] },
    },
  },
  {
    name: 'mrpc',
    problemType: 'single-label',
    labels: ['not_equivalent', 'equivalent'],
    metrics: ['f1', 'accuracy'],
    parts: {
      train: { rows: 3668, alternatives: [files(mrpc, 'train.tsv')] },
      validation: { rows: 408, alternatives: [files(mrpc, 'dev.tsv')] },
      test: { rows: 1725, alternatives: [files(mrpc, 'msr_paraphrase_test.txt')] },
    },
  },
  {
    name: 'stsb',
    problemType: 'regression',
    metrics: ['pearson', 'spearman'],
    parts: {
      train: { rows: 5749, alternatives: [files(stsb, 'train.tsv')] },
      validation: { rows: 1500, alternatives: [files(stsb, 'dev.tsv')] },
      test: { rows: 1379, alternatives: [files(stsTest, 'sts-test.tsv'), files(stsTest, 'sts-test.csv')] },
    },
  },
  {
    name: 'rte',
    problemType: 'single-label',
    labels: ['entailment', 'not_entailment'],
    metrics: ['accuracy'],
    parts: {
      train: { rows: 2490, alternatives: [files(rte, 'train.tsv')] },
      validation: { rows: 277, alternatives: [files(rte, 'dev.tsv')] },
    },
  },
  {
    name: 'qnli',
    problemType: 'single-label',
    labels: ['entailment', 'not_entailment'],
    metrics: ['accuracy'],
    parts: {
      train: { rows: 104743, alternatives: [files(qnli, 'train.tsv')] },
      validation: { rows: 5463, alternatives: [files(qnli, 'dev.tsv')] },
    },
  },
  {
    name: 'qqp',
    problemType: 'single-label',
    labels: ['not_duplicate', 'duplicate'],
    metrics: ['f1', 'accuracy'],
    parts: {
      train: {
        rows: 363849,
        alternatives: [files(qqp, 'train.tsv'), files({ fields: [6], text: 3, pair: 4, label: 5 }, 'train_subset.tsv')],
      },
      validation: { rows: 40430, alternatives: [files(qqp, 'dev.tsv')] },
    },
  },
  {
    name: 'mnli',
    problemType: 'single-label',
    labels: ['contradiction', 'entailment', 'neutral'],
    metrics: ['accuracy'],
    parts: {
      train: {
        rows: 392702,
        alternatives: [files(mnli, 'train.tsv'), files(mnliSample, 'mnli_clare_1000.tsv')],
      },
      validation: { rows: 9815, alternatives: [files(mnli, 'dev_matched.tsv')] },
      validationMismatched: { rows: 9832, alternatives: [files(mnli, 'dev_mismatched.tsv')] },
    },
  },
] as const satisfies readonly GlueTask[]
