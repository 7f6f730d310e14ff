import { randomBytes } from 'node:crypto'
import { managedDomain } from '../containers/images.ts'
import { containersRefusal } from '../containers/refusal.ts'
import { credentialsBody, registryBody } from '../containers/schema.ts'
import { registryView } from '../containers/views.ts'
import type { CloudContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import { readJson } from './body.ts'
import { paged } from './envelope.ts'
import type { Router } from './router.ts'

const root = '/accounts/{account}/containers/registries'

/** The routes of the account's own registry and of the external registries. */
export function registryRoutes(router: Router, cloud: CloudContext): void {
  const { accountId, store, images } = cloud
  router
    .on(`GET ${root}`, ({ query }) => {
      const { items, info } = paged(store.containers.registries().map(registryView), query)
      return { result: items, resultInfo: info }
    })
    .on(`POST ${root}`, async ({ req }) => {
      const { domain, kind, auth } = await readJson(req, registryBody)
      const createdOn = new Date(cloud.clock()).toISOString()
      const registry = { domain, kind, publicCredential: auth.public_credential, createdOn }
      store.containers.saveRegistry(registry)
      return { result: registryView(registry) }
    })
    .on(`DELETE ${root}/{domain}`, ({ param }) => {
      if (!store.containers.deleteRegistry(param('domain')))
        throw new ApiError('applicationNotFound', noRegistry)
      return { result: { domain: param('domain') } }
    })
    .on(`POST ${root}/{domain}/credentials`, async ({ req, param }) => {
      await readJson(req, credentialsBody)
      if (param('domain') !== managedDomain || images === undefined) {
        throw containersRefusal('IMAGE_REGISTRY_NOT_CONFIGURED', noRegistry)
      }
      const username = images.username ?? 'v1'
      // A registry without authentication accepts any password.
      const password = images.password ?? randomBytes(16).toString('hex')
      return { result: { account_id: accountId, registry_host: images.host, username, password } }
    })
}

const noRegistry =
  'The registry is not configured. The local cloud needs an external registry for its own images (LOCAL_CLOUD_REGISTRY).'
