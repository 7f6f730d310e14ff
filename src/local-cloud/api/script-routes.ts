import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import type { CloudContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import { servingVersion } from '../scripts/deploy.ts'
import { deleteScript, patchSettings, requireScript, setPublished } from '../scripts/lifecycle.ts'
import { scriptSettings } from '../scripts/metadata.ts'
import { uploadScript } from '../scripts/publish.ts'
import { referencesTo } from '../scripts/references.ts'
import { absentMessages } from '../scripts/unsupported.ts'
import { parseUpload } from '../scripts/upload.ts'
import {
  scriptView,
  serviceView,
  settingsView,
  uploadView,
  versionSettingsView,
  workerView,
} from '../scripts/views.ts'
import type { Script } from '../store/scripts.ts'
import { readJson, readMultipart } from './body.ts'
import { paged } from './envelope.ts'
import type { Call, Router } from './router.ts'

const workers = '/accounts/{account}/workers'
const script = `${workers}/scripts/{script}`
const publishedBody = z.strictObject({ enabled: z.boolean(), previews_enabled: z.boolean().optional() })
const recordedContainers = {
  code: 10300,
  message: 'The containers are recorded but do not run: the local cloud has no container engine.',
}

/** The client of a request, which versions and deployments record as their `source`. */
export const sourceOf = (req: IncomingMessage) =>
  req.headers['user-agent']?.startsWith('wrangler') ? 'wrangler' : 'api'

/** The name of a new script, which must be usable as a host name. @throws ApiError 10016 */
export function usableName(call: Call): string {
  const name = call.param('script')
  if (!/^[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?$/.test(name)) throw new ApiError('invalidScriptName')
  return name
}

export function scriptRoutes(router: Router, cloud: CloudContext): void {
  const { store } = cloud
  const view = (one: Script) => scriptView(one, servingVersion(cloud, one))
  const remove = async (call: Call) => {
    await deleteScript(cloud, call.param('script'), call.query.get('force') === 'true')
    return { result: null }
  }

  router
    .on(`GET ${workers}/scripts`, () => ({ result: store.scripts.list().map(view) }))
    .on(`GET ${workers}/scripts-search`, ({ query }) => search(store.scripts.list(), query))
    .on(`GET ${workers}/services/{script}`, (call) => {
      const found = store.scripts.find(call.param('script'))
      if (found === undefined) throw new ApiError('serviceNotFound')
      return { result: serviceView(found, servingVersion(cloud, found)) }
    })
    .on(`GET ${workers}/workers/{script}`, (call) => {
      const { localPort } = call.req.socket
      const found = requireScript(cloud, call.param('script'))
      return { result: { ...workerView(found, localPort), references: referencesTo(cloud, found) } }
    })
    .on(`PUT ${script}`, async (call) => {
      const scriptName = usableName(call)
      const upload = await parseUpload(await readMultipart(call.req))
      const strictInherit = call.query.get('bindings_inherit') === 'strict'
      const request = { scriptName, upload, strictInherit, source: sourceOf(call.req) }
      const published = await uploadScript(cloud, request)
      const containers = (upload.metadata.containers ?? []).length > 0 ? [recordedContainers] : []
      const messages = [...containers, ...absentMessages(published.version.bindings, upload.unknownSettings)]
      return { result: uploadView(published.script, published.version), messages }
    })
    .on(`DELETE ${script}`, remove)
    // An older path of the same operation, which `wrangler delete` uses.
    .on(`DELETE ${workers}/services/{script}`, remove)
  settingRoutes(router, cloud)
}

function search(all: Script[], query: URLSearchParams) {
  const [name, id] = [query.get('name'), query.get('id')]
  const matching = all.filter((one) => one.name.includes(name ?? '') && (id ?? one.tag) === one.tag)
  const { items, info } = paged(matching, query)
  const result = items.map((one) => ({
    id: one.tag,
    script_name: one.name,
    service_name: one.name,
    environment_name: 'production',
    environment_is_default: true,
    created_on: one.createdOn,
    modified_on: one.modifiedOn,
  }))
  return { result, resultInfo: info }
}

function settingRoutes(router: Router, cloud: CloudContext): void {
  const { store } = cloud
  const published = (one: Script) => ({
    result: { enabled: one.subdomainEnabled, previews_enabled: one.previewsEnabled },
  })
  router
    .on(`GET ${script}/subdomain`, (call) => published(requireScript(cloud, call.param('script'))))
    .on(`POST ${script}/subdomain`, async (call) => {
      const { enabled, previews_enabled: previews } = await readJson(call.req, publishedBody)
      return published(await setPublished(cloud, call.param('script'), { enabled, previews }))
    })
    .on(`DELETE ${script}/subdomain`, async (call) =>
      published(await setPublished(cloud, call.param('script'), { enabled: false })),
    )
    .on(`GET ${script}/settings`, (call) => {
      const owner = requireScript(cloud, call.param('script'))
      const serving = servingVersion(cloud, owner)
      return { result: versionSettingsView(owner, serving, store.scripts.namespaces(owner.id)) }
    })
    .on(`GET ${script}/script-settings`, (call) => ({
      result: settingsView(requireScript(cloud, call.param('script'))),
    }))
    .on(`PATCH ${script}/script-settings`, async (call) => {
      const patch = await readJson(call.req, scriptSettings)
      return { result: settingsView(await patchSettings(cloud, call.param('script'), patch)) }
    })
}
