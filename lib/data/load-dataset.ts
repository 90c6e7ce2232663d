import { ArgumentError } from '../errors.ts'
import type { DatasetOptions } from './dataset.ts'
import type { DatasetNamed } from './registry.ts'

/**
 * Loads a data set by name. Parts that the folder does not hold are undefined; `info` says what it is and what is
 * missing.
 *
 * @param name `spamassassin`; of GLUE `cola sst2 mrpc stsb rte qnli qqp mnli`; `conll2003 jnlpba ncbi-disease`; `e2e`;
 * `reuters21578-modapte reuters21578-modhayes reuters21578-modlewis`
 * @param dir the folder that holds one folder a data set, with its official files in it, gzipped or not.
 * @example
 * const { train, validation, info } = await loadDataset('rte', './data')
 * @throws ConfigError for an unknown name, DataError or FormatError (with file and line) for data that is not as it
 * should be.
 */
export async function loadDataset<N extends string>(
  name: N,
  dir: string,
  options: DatasetOptions = {},
): Promise<DatasetNamed<N>> {
  const { findDataset } = await import('./registry.ts') // late: the readers of all data sets
  const entry = findDataset(name)
  if (typeof dir !== 'string' || dir === '') {
    throw new ArgumentError(
      'DATA_DIR',
      `loadDataset: expected the folder of the data sets, got ${String(dir)}; pass it`,
      { dir },
    )
  }
  return (await entry.load(dir, options)) as DatasetNamed<N>
}
