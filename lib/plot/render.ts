import type { Spec } from 'vega'
import { SetupError } from '../errors.ts'
import { style } from './style.ts'

/** A picture as Vega describes it: data, scales, axes, legends, marks. */
export type PlotSpec = Spec

/**
 * Draws a picture as SVG, without a DOM and without native code. The library is loaded at the first call.
 *
 * @returns a whole SVG document, white behind
 * @throws SetupError where Vega is not installed
 */
export async function renderSvg(spec: PlotSpec): Promise<string> {
  const vega = await load()
  const view = new vega.View(vega.parse(spec, style), { renderer: 'none', logLevel: vega.Error })
  try {
    return `${await view.toSVG()}\n`
  } finally {
    view.finalize()
  }
}

async function load(): Promise<typeof import('vega')> {
  try {
    return await import('vega')
  } catch (error) {
    throw new SetupError(
      'NO_PLOT_LIBRARY',
      `picture: expected the library vega, which draws it, got ${(error as Error).message}; run \`npm install vega@6\``,
      { package: 'vega' },
      { cause: error },
    )
  }
}
