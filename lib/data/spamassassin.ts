import type { Dataset, DatasetEntry } from './dataset.ts'
import { findFolder } from './dataset-folder.ts'
import type { Example } from './examples.ts'
import { readCorpus } from './mail/corpus.ts'
import { Random, shuffle } from './random.ts'
import { stratifiedSplit } from './split.ts'

// Fixed, so that the test part is the same 1,000 mails for everybody.
const splitSeed = 20021010
const testSize = 1000
const corpusSize = 6046

/** The SpamAssassin public mail corpus, for the demo. */
export const spamassassinEntry = {
  name: 'spamassassin',
  task: 'text-classification',
  load: async (dir: string) => loadSpamAssassin((await findFolder(dir, 'spamassassin')).path),
} as const satisfies DatasetEntry

/**
 * Reads the corpus from the folder that holds its five folders of mails. A mail is its subject and the text of its body;
 * one whose body equals an earlier one's is left out. 1,000 mails are the test part, with the same share of spam as all;
 * there is no validation part. Each part is in a random order that is always the same, so that its first rows are a fair
 * sample.
 *
 * @param options.mails how many mails the folder must hold; 6,046 unless given.
 * @throws DataError where the folder does not hold the whole corpus.
 */
export async function loadSpamAssassin(
  folder: string,
  options: { mails?: number | undefined; testSize?: number | undefined } = {},
): Promise<Dataset> {
  const { mails, found, dropped, decoding } = await readCorpus(folder, options.mails ?? corpusSize)
  const { first, second } = stratifiedSplit(
    mails.map(mail => mail.label),
    {
      size: options.testSize ?? testSize,
      seed: splitSeed,
      stream: 'spamassassin',
      second: twins(mails.map(mail => mail.body)),
    },
  )
  const take = (indices: number[], part: string) =>
    shuffle(indices, new Random(splitSeed, 'spamassassin', part)).map(index => toExample(mails[index]!))
  const guessed = decoding.undeclared + decoding.unknown
  return {
    train: take(second, 'train'),
    validation: undefined,
    test: take(first, 'test'),
    info: {
      name: 'spamassassin',
      task: 'text-classification',
      problemType: 'single-label',
      labels: ['ham', 'spam'],
      pair: false,
      metrics: ['accuracy', 'precision', 'recall', 'f1'],
      partial: false,
      warnings: [],
      notes: [
        `${found} mails, ${dropped} left out whose body equals an earlier one's`,
        `${guessed} texts read as windows-1252 for want of a known charset, ${decoding.damaged} not fitting the charset they name`,
      ],
      folder,
      missing: {},
    },
  }
}

/**
 * Mails whose decoded body is that of another mail (other headers, other transfer encoding). They stay in the training
 * part, so that no test mail has been seen in training.
 */
function twins(bodies: readonly string[]): Set<number> {
  const plain = bodies.map(body => body.replace(/\s+/g, ' ').toLowerCase())
  const seen = new Map<string, number>()
  for (const body of plain) seen.set(body, (seen.get(body) ?? 0) + 1)
  return new Set(plain.flatMap((body, index) => (seen.get(body)! > 1 ? [index] : [])))
}

function toExample({ subject, body, label }: { subject: string; body: string; label: string }): Example {
  return { text: [subject, body].filter(text => text !== '').join('\n'), label }
}
