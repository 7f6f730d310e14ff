import { join } from 'node:path'
import { bundledPrograms } from '../../bin/bundle.js'

/**
 * The file of a program, from the root: in the bundle, as `npm start` runs it, with half the processor time of a start;
 * its source if there is no bundle of the current sources.
 */
export function programFile(name: 'src/api' | 'workers/main'): string {
  const bundle = bundledPrograms()
  return bundle === undefined ? `${name}.ts` : join(bundle, `${name}.js`)
}
