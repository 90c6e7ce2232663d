import { packageVersion } from './setup/locate.ts'

/** The version of this package. */
export const version: string = packageVersion()
