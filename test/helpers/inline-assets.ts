import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Runnable } from '../../src/local-cloud/runtime/groups/group.ts'

/**
 * Responds with the asset at a path, or with the HTML page of its name or folder. Has no redirects, rules or 404 page.
 * @returns undefined if there is no such asset
 */
export function serveAsset({ assets }: Runnable, request: Request): Response | undefined {
  if (assets === undefined) return undefined
  const path = decodeURIComponent(new URL(request.url).pathname)
  const wanted = [path, `${path}.html`, `${path.replace(/\/$/, '')}/index.html`]
  const file = assets.files.find((each) => wanted.includes(each.path))
  if (file === undefined) return undefined
  const headers: Record<string, string> =
    file.contentType === null ? {} : { 'content-type': file.contentType }
  return new Response(readFileSync(join(assets.directory, file.hash)), { headers })
}
