import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { SetupError } from '../errors.ts'
import { type AddonManifest, addonFolder, builtFor, manifestFor } from './addon-key.ts'
import type { Libtorch } from './find-libtorch.ts'
import { environment, isFile, isFolder } from './locate.ts'

/**
 * The folder of the addon built for a libtorch: `BIDORA_TORCH_ADDON`, else the cache.
 *
 * @throws SetupError when there is none, or one that was built for another libtorch.
 */
export function findAddon(libtorch: Libtorch): string {
  const named = environment('BIDORA_TORCH_ADDON')
  const folder = named === undefined ? addonFolder(manifestFor(libtorch).key) : resolve(named)
  if (!isFolder(folder)) {
    throw new SetupError(
      'ADDON_MISSING',
      `bidora-torch: expected its addon for libtorch ${libtorch.version} in ${folder}, got none; run \`npx bidora-torch setup\``,
      { folder, libtorch: libtorch.version },
    )
  }
  if (addonFits(folder, libtorch)) return folder
  const built = isFile(join(folder, 'manifest.json')) ? readManifest(folder).torch : 'an unknown one'
  throw new SetupError(
    'ADDON_MISMATCH',
    `bidora-torch: expected an addon built for libtorch ${libtorch.version} (${libtorch.root}), got one for ` +
      `${built} in ${folder}; run \`npx bidora-torch setup\``,
    { folder, addon: built, libtorch: libtorch.version },
  )
}

/**
 * Whether a folder holds an addon for a libtorch. With another one a binary loads and then misbehaves, so its own bytes
 * are asked, not the note beside it.
 */
export function addonFits(folder: string, libtorch: Libtorch): boolean {
  const binary = join(folder, 'bidora.node')
  return (
    isFile(join(folder, 'preload.node')) && isFile(binary) && readFileSync(binary).includes(builtFor(libtorch.version))
  )
}

function readManifest(folder: string): AddonManifest {
  return JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as AddonManifest
}
