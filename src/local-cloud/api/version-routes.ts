import type { CloudContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import { deploymentBody, deployVersions, listDeployable } from '../scripts/deploy.ts'
import { requireScript } from '../scripts/lifecycle.ts'
import { uploadVersion } from '../scripts/publish.ts'
import { absentMessages } from '../scripts/unsupported.ts'
import { parseUpload } from '../scripts/upload.ts'
import { deploymentView, versionSummary, versionView } from '../scripts/views.ts'
import { readJson, readMultipart } from './body.ts'
import { paged } from './envelope.ts'
import type { Call, Router } from './router.ts'
import { sourceOf } from './script-routes.ts'

const script = '/accounts/{account}/workers/scripts/{script}'

/** The routes of versions (uploaded code) and deployments (which send requests to versions). */
export function versionRoutes(router: Router, cloud: CloudContext): void {
  const { versions, scripts } = cloud.store
  router
    .on(`POST ${script}/versions`, async (call) => {
      const strictInherit = call.query.get('bindings_inherit') === 'strict'
      // An unknown script is reported before the upload is read.
      const { name: scriptName } = requireScript(cloud, call.param('script'))
      const upload = await parseUpload(await readMultipart(call.req))
      const request = { scriptName, upload, strictInherit, source: sourceOf(call.req) }
      const { script: owner, version } = await uploadVersion(cloud, request)
      const messages = absentMessages(version.bindings, upload.unknownSettings)
      return { result: versionView(version, scripts.namespaces(owner.id)), messages }
    })
    .on(`GET ${script}/versions`, (call) => {
      const owner = requireScript(cloud, call.param('script'))
      const deployable = call.query.get('deployable') === 'true'
      const all = deployable ? listDeployable(cloud, owner) : versions.list(owner.id)
      const { items, info } = paged(all, call.query)
      return { result: { items: items.map(versionSummary) }, resultInfo: info }
    })
    .on(`GET ${script}/versions/{version}`, (call) => {
      const owner = requireScript(cloud, call.param('script'))
      const version = versions.find(owner.id, call.param('version'))
      if (version === undefined) throw new ApiError('versionNotFound')
      return { result: versionView(version, scripts.namespaces(owner.id)) }
    })
  deploymentRoutes(router, cloud)
}

function deploymentRoutes(router: Router, cloud: CloudContext): void {
  const all = (call: Call) => cloud.store.versions.deployments(requireScript(cloud, call.param('script')).id)
  router
    .on(`POST ${script}/deployments`, async (call) => {
      const { name: scriptName } = requireScript(cloud, call.param('script'))
      const body = await readJson(call.req, deploymentBody)
      const force = call.query.get('force') === 'true'
      const request = { scriptName, body, source: sourceOf(call.req), force }
      return { result: deploymentView(await deployVersions(cloud, request)) }
    })
    .on(`GET ${script}/deployments`, (call) => {
      const [since, until] = [call.query.get('since'), call.query.get('until')]
      const within = all(call).filter(
        ({ createdOn }) => createdOn >= (since ?? createdOn) && createdOn <= (until ?? createdOn),
      )
      const { items, info } = paged(within, call.query)
      return { result: { deployments: items.map(deploymentView) }, resultInfo: info }
    })
    .on(`GET ${script}/deployments/{deployment}`, (call) => {
      const found = all(call).find((deployment) => deployment.id === call.param('deployment'))
      if (found === undefined) throw new ApiError('deploymentNotFound')
      return { result: deploymentView(found) }
    })
}
