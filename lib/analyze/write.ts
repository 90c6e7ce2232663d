import { join } from 'node:path'
import { writeFileAtomic, writeJson } from '../io/index.ts'
import { writing } from '../train/writing.ts'
import { analysisPicture } from './picture.ts'
import type { Analysis, AnalysisFiles } from './types.ts'

/**
 * Writes `analysis.jsonl`, `analysis.json` and `analysis.svg` to a folder, which is made where it is not there. The numbers
 * are there even where the picture cannot be drawn.
 *
 * @throws BidoraError where the folder cannot be written to; SetupError where the library that draws is not installed
 */
export async function writeAnalysis(folder: string, analysis: Analysis): Promise<AnalysisFiles> {
  const path = (ending: string) => join(folder, `analysis.${ending}`)
  const files = { lines: path('jsonl'), summary: path('json'), picture: path('svg') }
  const { layers, ...rest } = analysis
  writing('the analysis', folder, () => {
    writeFileAtomic(files.lines, layers.map(layer => `${JSON.stringify(layer)}\n`).join(''))
    writeJson(files.summary, rest)
  })
  const picture = await analysisPicture(analysis)
  writing('the analysis', folder, () => writeFileAtomic(files.picture, picture))
  return files
}
