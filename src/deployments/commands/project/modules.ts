import { readdir, readFile, stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { UsageFault } from '../../../cli/index.ts'
import type { WorkerModule } from '../../model/worker-module.ts'
import { projectFileName } from './project-file.ts'

type ModuleType = WorkerModule['type']

const types = new Map<string, ModuleType>([
  ['.js', 'esm'],
  ['.mjs', 'esm'],
  ['.cjs', 'commonjs'],
  ['.wasm', 'wasm'],
  ['.txt', 'text'],
  ['.html', 'text'],
  ['.md', 'text'],
  ['.sql', 'text'],
  ['.bin', 'data'],
  ['.map', 'sourcemap'],
])

/** The type of a module by its file extension; undefined for a file that cannot be a module. */
export const typeOf = (name: string): ModuleType | undefined => types.get(extname(name).toLowerCase())

const maxModules = 500
/** The API accepts bodies of 16 MiB, and base64 encodes three bytes as four. */
const maxBytes = 11.5 * 1024 * 1024

/**
 * The names of a folder's modules, relative and with `/`, and of the skipped files. Dot files, node_modules,
 * package.json and capstan.json are not part of an app. Links are skipped, because they could lead out of the folder.
 */
export async function filesBelow(folder: string): Promise<{ modules: string[]; skipped: string[] }> {
  const modules: string[] = []
  const skipped: string[] = []
  const folders = ['']
  for (let below = folders.shift(); below !== undefined; below = folders.shift()) {
    for (const entry of await readdir(join(folder, below), { withFileTypes: true })) {
      const name = `${below}${entry.name}`
      if (entry.name.startsWith('.') || entry.name === 'node_modules') continue
      if (name === projectFileName || entry.name === 'package.json') continue
      if (entry.isDirectory()) folders.push(`${name}/`)
      else if (entry.isFile() && typeOf(name) !== undefined) modules.push(name)
      else skipped.push(name)
    }
    if (modules.length > maxModules) {
      throw new UsageFault(`${folder} has more than ${maxModules} modules; is this the right folder?`)
    }
  }
  return { modules: modules.sort(), skipped: skipped.sort() }
}

/** Reads modules in the given order. @throws UsageFault as soon as their total size is above the limit */
export async function readModules(folder: string, names: string[]): Promise<WorkerModule[]> {
  const modules: WorkerModule[] = []
  let bytes = 0
  for (const name of names) {
    const type = typeOf(name)
    if (type === undefined) continue
    const file = join(folder, name)
    bytes += (await stat(file)).size
    if (bytes > maxBytes) throw new UsageFault('The modules are larger than 11.5 MiB together')
    modules.push({ name, type, content: (await readFile(file)).toString('base64') })
  }
  return modules
}
