import type { CloudContext } from '../context.ts'
import { requireScript } from '../scripts/lifecycle.ts'
import {
  deleteSecret,
  editSecrets,
  editVersionSecrets,
  patchSecrets,
  putSecret,
  secretBody,
  secretsBody,
  versionPatch,
} from '../scripts/secrets.ts'
import { versionSummary } from '../scripts/views.ts'
import type { Version } from '../store/versions.ts'
import { readJson } from './body.ts'
import type { Call, Router } from './router.ts'
import { sourceOf } from './script-routes.ts'

const workers = '/accounts/{account}/workers'
const script = `${workers}/scripts/{script}`

/** The routes of secrets. Each change creates a version. No response contains the text of a secret. */
export function secretRoutes(router: Router, cloud: CloudContext): void {
  const edit = (call: Call, change: ReturnType<typeof deleteSecret>) =>
    editSecrets(cloud, { scriptName: call.param('script'), source: sourceOf(call.req), edit: change })
  router
    .on(`GET ${script}/secrets`, (call) => {
      const latest = cloud.store.versions.latest(requireScript(cloud, call.param('script')).id)
      return { result: namesOf(latest) }
    })
    .on(`PUT ${script}/secrets`, async (call) => {
      const secret = await readJson(call.req, secretBody)
      await edit(call, putSecret(secret))
      return { result: { name: secret.name, type: secret.type } }
    })
    .on(`PATCH ${script}/secrets-bulk`, async (call) => {
      const { secrets } = await readJson(call.req, secretsBody)
      return { result: namesOf(await edit(call, patchSecrets(secrets))) }
    })
    .on(`DELETE ${script}/secrets/{secret}`, async (call) => {
      await edit(call, deleteSecret(call.param('secret')))
      return { result: null }
    })
    .on(`PATCH ${workers}/workers/{script}/versions/latest`, async (call) => {
      const { env, annotations } = await readJson(call.req, versionPatch)
      const request = { scriptName: call.param('script'), source: sourceOf(call.req), annotations }
      const version = await editVersionSecrets(cloud, { ...request, edit: patchSecrets(env) })
      return { result: versionSummary(version) }
    })
}

const namesOf = (version: Version | undefined) =>
  (version?.bindings ?? [])
    .filter((binding) => binding.type === 'secret_text')
    .map(({ name, type }) => ({ name, type }))
