import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { plain, UsageFault } from '../../../cli/index.ts'
import type { Console } from '../console.ts'
import { projectFileName, readProjectFile } from '../project/project-file.ts'
import { type PrepareRequest, prepareRequest } from '../project/request.ts'
import { findAppPath, projectFileOf, readSource } from '../project/source.ts'
import type { Blob } from '../wrangler/contents/files.ts'
import { findWranglerProject } from '../wrangler/reading/find-project.ts'
import type { DeployFlags } from './flags.ts'

/** What is deployed, before the service has seen it. */
export interface AppRequest {
  request: PrepareRequest
  /** Bytes that the request names by their digest. */
  blobs: Blob[]
  /** Notes for people: what was left out, and what may be a mistake. */
  notes: string[]
}

/**
 * Reads the app: a wrangler project, a folder with modules, a single module, or only an image.
 * @throws UsageFault
 */
export async function readApp(
  { deps, out }: Console,
  path: string | undefined,
  flags: DeployFlags,
): Promise<AppRequest> {
  if (path === undefined && !(await isApp('.'))) return ofImage({ deps, out }, flags)
  const project = await findWranglerProject(path ?? '.')
  if (project !== undefined) {
    const { wranglerRequest } = await import('../wrangler/request.ts')
    const file = await readProjectFile(project.folder)
    return wranglerRequest({ project, flags, file, say: (line) => out.warn(line) }, deps)
  }
  requireNoWranglerFlags(flags, path ?? '.')
  const place = await findAppPath(path ?? '.')
  const file = await projectFileOf(place)
  const source = await readSource(place, file.main)
  return {
    request: await prepareRequest({ flags, file, source }, deps),
    blobs: [],
    notes: skippedNotes(source.skipped),
  }
}

/** True for the current folder if it is an app without doubt: without a path, a command must not deploy just any folder. */
async function isApp(folder: string): Promise<boolean> {
  if ((await findWranglerProject(folder)) !== undefined) return true
  return (await stat(join(folder, projectFileName)).catch(() => undefined))?.isFile() === true
}

/** An app that consists of an image only, so no folder is read. */
async function ofImage({ deps }: Console, flags: DeployFlags): Promise<AppRequest> {
  if (flags.image === undefined)
    throw new UsageFault(
      "Say what to deploy: the app's folder, or --image. The current folder has no wrangler configuration and no capstan.json; capstan init writes them",
    )
  const [name = ''] = /[^/:@]+(?=(?:[:@][^/]*)?$)/.exec(flags.image) ?? []
  const given = { flags, file: await readProjectFile(undefined), source: { name, modules: [], skipped: [] } }
  return { request: await prepareRequest(given, deps), blobs: [], notes: [] }
}

/** @throws UsageFault for options that have no effect without wrangler */
function requireNoWranglerFlags(flags: DeployFlags, path: string): void {
  const given = [
    ...(flags.wranglerEnv === undefined ? [] : ['--wrangler-env']),
    ...(flags.shareResources ? ['--share-resources'] : []),
    ...(flags.create === false ? ['--no-create'] : []),
    ...(flags.migrate === false ? ['--no-migrate'] : []),
  ]
  if (given.length > 0)
    throw new UsageFault(`${plain(path)} has no wrangler configuration, which ${given.join(', ')} needs`)
}

function skippedNotes(skipped: string[]): string[] {
  if (skipped.length === 0) return []
  const shown = skipped.slice(0, 10).map(plain).join(', ')
  const rest = skipped.length > 10 ? ` and ${skipped.length - 10} more` : ''
  return [`left out, as no module of a Worker: ${shown}${rest}`]
}
