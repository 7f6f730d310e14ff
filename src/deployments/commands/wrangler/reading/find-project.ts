import { readFile, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { plain, UsageFault } from '../../../../cli/index.ts'
import { errorCode } from '../../../../platform/thrown.ts'

/** The files of a wrangler project. All paths are absolute. */
export interface WranglerProject {
  /** The folder that wrangler runs in. */
  folder: string
  /** The configuration that is deployed. */
  configFile: string
  /** The configuration that people edit; undefined if a framework writes the only one. */
  userConfigFile: string | undefined
  /** True if a build wrote `configFile`, and `.wrangler/deploy/config.json` leads to it. */
  redirected: boolean
}

/** In wrangler's order. */
const configNames = ['wrangler.json', 'wrangler.jsonc', 'wrangler.toml']
const redirectFile = join('.wrangler', 'deploy', 'config.json')

/**
 * Finds the wrangler project in a folder, or the one of a configuration file; the redirection of a build applies to a folder
 * only, as with `wrangler deploy -c`. Folders above are not searched: a file there may belong to another app.
 * @returns undefined if there is none
 * @throws UsageFault if a redirection leads nowhere
 */
export async function findWranglerProject(path: string): Promise<WranglerProject | undefined> {
  const absolute = resolve(path)
  if (await isFile(absolute)) {
    if (!/^wrangler.*\.(json|jsonc|toml)$/.test(basename(absolute))) return undefined
    return { folder: dirname(absolute), configFile: absolute, userConfigFile: absolute, redirected: false }
  }
  const userConfigFile = await firstFile(configNames.map((name) => join(absolute, name)))
  const built = await redirectionOf(absolute)
  const configFile = built ?? userConfigFile
  if (configFile === undefined) return undefined
  return { folder: absolute, configFile, userConfigFile, redirected: built !== undefined }
}

const redirection = z.looseObject({ configPath: z.string().min(1) })

async function redirectionOf(folder: string): Promise<string | undefined> {
  const file = join(folder, redirectFile)
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined
    throw new UsageFault(`${file} can't be read (${errorCode(error)})`)
  }
  const target = targetOf(text, file)
  if (await isFile(target)) return target
  throw new UsageFault(
    `${redirectFile} names ${plain(target)}, which does not exist: build the project, or remove ${redirectFile}`,
  )
}

function targetOf(text: string, file: string): string {
  try {
    return resolve(dirname(file), redirection.parse(JSON.parse(text)).configPath)
  } catch {
    throw new UsageFault(
      `${redirectFile} is not usable: expected {"configPath": "..."}. Build the project again`,
    )
  }
}

async function firstFile(files: string[]): Promise<string | undefined> {
  for (const file of files) if (await isFile(file)) return file
  return undefined
}

const isFile = async (path: string) => (await stat(path).catch(() => undefined))?.isFile() === true
