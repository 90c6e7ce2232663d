import type { DecodingCounts } from './charset.ts'

/** A mail of the corpus. */
export interface CorpusMail {
  /** Folder and file name. */
  file: string
  label: 'ham' | 'spam'
  subject: string
  body: string
}

/** The corpus in the order of its file names, without repeated bodies. */
export interface Corpus {
  mails: CorpusMail[]
  /** Mails in the folder. */
  found: number
  /** Mails left out because their body equals an earlier one's. */
  dropped: number
  decoding: DecodingCounts
}
