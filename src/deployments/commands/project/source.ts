import { readFile, stat } from 'node:fs/promises'
import { basename, dirname, extname, posix, resolve } from 'node:path'
import { z } from 'zod'
import { UsageFault } from '../../../cli/index.ts'
import type { WorkerModule } from '../../model/worker-module.ts'
import { filesBelow, readModules, typeOf } from './modules.ts'
import { readProjectFile } from './project-file.ts'

/** The modules to deploy: the main one first, the others by name, so that the same folder makes the same plan. */
export interface Source {
  /** The default for the app's name. */
  name: string
  modules: WorkerModule[]
  /** Files of the folder that cannot be modules of a Worker. */
  skipped: string[]
}

export interface AppPath {
  /** An absolute path. */
  path: string
  isFolder: boolean
}

/** Resolves the path of an app. @throws UsageFault if it is neither a file nor a folder */
export async function findAppPath(path: string): Promise<AppPath> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) throw new UsageFault(`There is no file or folder ${path}`)
  if (!found.isDirectory() && !found.isFile()) throw new UsageFault(`${path} is neither a folder nor a file`)
  return { path: resolve(path), isFolder: found.isDirectory() }
}

/** The settings of an app: capstan.json of a folder, the defaults for a single file. */
export const projectFileOf = (place: AppPath) => readProjectFile(place.isFolder ? place.path : undefined)

/** Reads the modules. @param main the main module named by capstan.json @throws UsageFault */
export async function readSource(place: AppPath, main: string | undefined): Promise<Source> {
  if (!place.isFolder) return readOne(place.path)
  const { modules: names, skipped } = await filesBelow(place.path)
  const first = await mainOf(place.path, { names, chosen: main, skipped })
  const others = names.filter((name) => name !== first)
  return {
    name: basename(place.path),
    modules: await readModules(place.path, [first, ...others]),
    skipped,
  }
}

/** File names that are no names for an app; its folder is used instead. */
const genericNames = new Set(['index', 'worker', 'main'])

async function readOne(file: string): Promise<Source> {
  const base = basename(file)
  if (typeOf(base) !== 'esm')
    throw new UsageFault(`${base} is not an ES module (.js or .mjs)${hintFor(base)}`)
  const stem = base.slice(0, -extname(base).length)
  const name = genericNames.has(stem) ? basename(dirname(file)) : stem
  return { name, modules: await readModules(dirname(file), [base]), skipped: [] }
}

/** The main module, by the first of: capstan.json, `main` of package.json, index.js, index.mjs, worker.js. */
async function mainOf(
  folder: string,
  { names, chosen, skipped }: { names: string[]; chosen: string | undefined; skipped: string[] },
): Promise<string> {
  if (chosen !== undefined) {
    const wanted = posix.normalize(chosen)
    if (typeOf(wanted) === 'esm' && names.includes(wanted)) return wanted
    throw new UsageFault(`The main module ${chosen} is not an ES module of the folder${hintFor(chosen)}`)
  }
  const packaged = await packageMain(folder)
  const candidates = [packaged, packaged && `${packaged}.js`, 'index.js', 'index.mjs', 'worker.js']
  const found = candidates.find((name) => name && typeOf(name) === 'esm' && names.includes(name))
  if (found !== undefined) return found
  const [only, second] = names.filter((name) => typeOf(name) === 'esm')
  if (only !== undefined && second === undefined) return only
  throw new UsageFault(
    `${folder} has no main module: name it as "main" in capstan.json, or call it index.js${hintFor(packaged ?? skipped.find(isTypeScript) ?? '')}`,
  )
}

const packageFile = z.object({ main: z.string().min(1).optional() })

async function packageMain(folder: string): Promise<string | undefined> {
  const text = await readFile(resolve(folder, 'package.json'), 'utf8').catch(() => '{}')
  try {
    const { main } = packageFile.parse(JSON.parse(text))
    return main === undefined ? undefined : posix.normalize(main)
  } catch {
    // A broken package.json is ignored: it is only one of several ways to find the main module.
    return undefined
  }
}

const isTypeScript = (name: string) => /\.[cm]?tsx?$/.test(name)

const hintFor = (name: string) =>
  isTypeScript(name) ? '; Capstan bundles nothing: build the app first, and deploy what that made' : ''
