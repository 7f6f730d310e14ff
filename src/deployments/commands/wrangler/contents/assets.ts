import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import ignore from 'ignore'
import mime from 'mime'
import { plain, UsageFault } from '../../../../cli/index.ts'
import { errorCode } from '../../../../platform/thrown.ts'
import { projectFileName } from '../../project/project-file.ts'
import type { WranglerConfig } from '../reading/config-schema.ts'
import { type Blob, blobOfFile, mapLimited } from './files.ts'

export interface TranslatedAssets {
  assets: {
    files: { path: string; digest: string; size: number; contentType: string | null }[]
    config: Record<string, unknown>
  }
  blobs: Blob[]
  /** Files and folders that are not published although wrangler would. */
  leftOut: string[]
}

const maxFileBytes = 25 * 1024 * 1024
const readingAtOnce = 16

/** Settings of files and of the whole, which are no assets themselves. */
const settingsFiles = ['.assetsignore', '_headers', '_redirects']

/** Files that are hardly ever meant to be published; wrangler publishes them, for `"directory": "."` with everything else. */
const privateNames = ['.git', '.env*', '.dev.vars*', '.wrangler', 'node_modules']

/** Reads the static files and their settings. @throws UsageFault if there are none, or one is too large */
export async function readAssets(
  config: WranglerConfig,
  configFiles: readonly string[],
): Promise<TranslatedAssets | undefined> {
  const { directory, binding: _, ...settings } = config.assets ?? {}
  if (directory === undefined) return undefined
  const root = resolve(dirname(config.configPath), directory)
  const { names, links } = await filesBelow(root)
  const project = {
    root,
    places: [root, dirname(config.configPath), ...configFiles.map((file) => dirname(file))],
  }
  await refuseLinksOut(
    project,
    links.filter((name) => settingsFiles.includes(name.toLowerCase())),
    'put a copy in its place',
  )
  const published = ignore({ ignorecase: true }).add(settingsFiles.map((name) => `/${name}`))
  const ignoreFile = await textOf(join(root, '.assetsignore'))
  if (ignoreFile !== undefined) published.add(ignoreFile.split('\n'))
  refusePagesWorker(names, ignoreFile)
  const chosen = names.filter((name) => !published.ignores(name))
  const hidden = ignore().add([...privateNames, ...ownFiles(root, configFiles)])
  await refuseLinksOut(
    project,
    links.filter((name) => chosen.includes(name) && !hidden.ignores(name)),
    'put a copy in its place, or name it in .assetsignore',
  )
  const blobs = await mapLimited(
    chosen.filter((name) => !hidden.ignores(name)).toSorted(),
    readingAtOnce,
    async (name) => ({ name, blob: await assetOf(root, name) }),
  )
  const [headers, redirects] = await Promise.all(
    ['_headers', '_redirects'].map((name) => textOf(join(root, name))),
  )
  return {
    assets: {
      files: blobs.map(({ name, blob: { digest, size } }) => ({
        path: `/${name}`,
        digest,
        size,
        contentType: contentTypeOf(name),
      })),
      config: {
        ...settings,
        ...(headers === undefined ? {} : { _headers: headers }),
        ...(redirects === undefined ? {} : { _redirects: redirects }),
      },
    },
    blobs: blobs.map(({ blob }) => blob),
    leftOut: topMost(chosen.filter((name) => hidden.ignores(name))),
  }
}

/** The names of all files, hidden ones included, relative and with `/`, and those among them that are links. */
async function filesBelow(root: string): Promise<{ names: string[]; links: string[] }> {
  try {
    const entries = await readdir(root, { recursive: true, withFileTypes: true })
    const files = await mapLimited(entries, readingAtOnce, async (entry) => {
      const path = join(entry.parentPath, entry.name)
      // wrangler follows links to files, but not those to folders.
      const isFile =
        entry.isFile() || (entry.isSymbolicLink() && (await stat(path).catch(() => undefined))?.isFile())
      const name = relative(root, path).split(sep).join('/')
      return isFile ? { name, isLink: !entry.isFile() } : undefined
    })
    const found = files.filter((file) => file !== undefined)
    return {
      names: found.map(({ name }) => name),
      links: found.filter(({ isLink }) => isLink).map(({ name }) => name),
    }
  } catch (error) {
    throw new UsageFault(
      `The assets folder ${plain(root)} can't be read (${errorCode(error)}): build the project first`,
    )
  }
}

/** Files that no link may publish, wherever in the project they are. */
const secretNames = privateNames.filter((name) => name !== 'node_modules')

/**
 * Refuses links to files outside of the project and to its private files: a link in a dependency or in a template would
 * publish a file of this machine.
 * @param advice what to do about a link
 * @throws UsageFault naming the link
 */
async function refuseLinksOut(
  { root, places }: { root: string; places: string[] },
  links: string[],
  advice: string,
): Promise<void> {
  if (links.length === 0) return
  const inside = await Promise.all(places.map((path) => realpath(path)))
  const secret = ignore().add(secretNames)
  for (const name of links) {
    const target = await realpath(join(root, name))
    const names = inside.map((place) => relative(place, target).split(sep).join('/'))
    const own = names.filter((place) => !place.startsWith('../') && !isAbsolute(place))
    const isSecret = own.some((place) => secret.ignores(place))
    if (own.length > 0 && !isSecret) continue
    const where = isSecret ? 'a private file of the project' : 'a file outside of the project'
    throw new UsageFault(`The asset ${plain(name)} is a link to ${where}: ${advice}`)
  }
}

function refusePagesWorker(names: string[], ignoreFile: string | undefined): void {
  if (
    ignoreFile !== undefined ||
    !names.some((name) => name === '_worker.js' || name.startsWith('_worker.js/'))
  )
    return
  throw new UsageFault(
    'The assets folder has a _worker.js, whose code would be published: name it in .assetsignore, or remove it',
  )
}

async function assetOf(root: string, name: string): Promise<Blob> {
  const blob = await blobOfFile(join(root, name))
  if (blob.size <= maxFileBytes) return blob
  throw new UsageFault(`The asset ${plain(name)} has ${blob.size} bytes; at most 25 MiB are possible`)
}

/** Configuration files in the assets folder, as patterns. */
function ownFiles(root: string, configFiles: readonly string[]): string[] {
  const inside = configFiles.map((file) => relative(root, file)).filter((path) => !path.startsWith('..'))
  return [...inside, projectFileName].map((path) => `/${path.split(sep).join('/')}`)
}

/** Folders in place of the files below them. */
function topMost(names: string[]): string[] {
  const hidden = ignore().add(privateNames)
  const shown = names.map((name) => {
    const parts = name.split('/')
    const end = parts.findIndex((part) => hidden.ignores(part))
    return end === -1 || end === parts.length - 1 ? name : `${parts.slice(0, end + 1).join('/')}/`
  })
  return [...new Set(shown)]
}

function contentTypeOf(name: string): string | null {
  const type = mime.getType(basename(name))
  if (type === null) return null
  return type.startsWith('text/') && !type.includes('charset') ? `${type}; charset=utf-8` : type
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw new UsageFault(`${plain(file)} can't be read (${errorCode(error)})`)
  }
}
