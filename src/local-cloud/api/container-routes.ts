import type { z } from 'zod'
import { createApplication, deleteApplication, editApplication } from '../containers/applications.ts'
import { perAccount, perContainer, type Size, usageOf } from '../containers/limits.ts'
import { containersRefusal } from '../containers/refusal.ts'
import { actOnRollout, findRollout, startRollout } from '../containers/rollouts.ts'
import { createBody, editBody, rolloutAction, rolloutBody } from '../containers/schema.ts'
import { findApplication, listApplications } from '../containers/state.ts'
import { applicationView, recordedOnly, rolloutView } from '../containers/views.ts'
import type { CloudContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import { readJson } from './body.ts'
import { paged } from './envelope.ts'
import type { Call, Router } from './router.ts'

const root = '/accounts/{account}/containers'
const applicationPath = `${root}/applications/{application}`

/** The routes of container applications and rollouts. Both are recorded, but no container runs. */
export function containerRoutes(router: Router, cloud: CloudContext): void {
  const { accountId, store } = cloud
  const view = (application: Parameters<typeof applicationView>[0]) => applicationView(application, accountId)
  const messages = [recordedOnly]

  router
    .on(`GET ${root}/me`, () => ({ result: account(accountId), messages }))
    .on(`GET ${root}/usage`, () => {
      const maximum = sizeView(perAccount)
      const usage = { ...sizeView(usageOf(store.containers.applications())), instances: 0 }
      return { result: { maximum, usage }, messages }
    })
    .on(`GET ${root}/applications`, ({ query }) => {
      const filter = { name: query.get('name'), image: query.get('image') }
      return pages(listApplications(cloud, filter).map(view), query)
    })
    .on(`POST ${root}/applications`, async ({ req }) => {
      const body = await readBody(req, createBody)
      return { result: view(await createApplication(cloud, body)), messages }
    })
    .on(`GET ${applicationPath}`, ({ param }) => ({
      result: view(findApplication(cloud, param('application'))),
      messages,
    }))
    .on(`PATCH ${applicationPath}`, async ({ req, param }) => {
      const body = await readBody(req, editBody)
      return { result: view(editApplication(cloud, param('application'), body)), messages }
    })
    .on(`DELETE ${applicationPath}`, ({ param }) => {
      deleteApplication(cloud, param('application'))
      return { result: { message: 'The application was deleted.' } }
    })
    .on(`GET ${applicationPath}/versions`, ({ param, query }) => {
      const { version, configuration } = findApplication(cloud, param('application'))
      return pages([{ version, configuration, percentage: 100 }], query)
    })
    .on(`GET ${applicationPath}/instances-v2`, ({ param, query }) => {
      findApplication(cloud, param('application'))
      return pages([], query)
    })
    .on(`GET ${applicationPath}/instances/{instance}`, ({ param }) => {
      findApplication(cloud, param('application'))
      throw new ApiError(
        'applicationNotFound',
        'The local cloud runs no instances: it has no container engine.',
      )
    })
  rolloutRoutes(router, cloud)
}

function rolloutRoutes(router: Router, cloud: CloudContext): void {
  const messages = [recordedOnly]
  const ids = ({ param }: Pick<Call, 'param'>) => ({
    applicationId: param('application'),
    rolloutId: param('rollout'),
  })
  router
    .on(`POST ${applicationPath}/rollouts`, async ({ req, param }) => {
      const body = await readBody(req, rolloutBody)
      return { result: rolloutView(await startRollout(cloud, param('application'), body)), messages }
    })
    .on(`GET ${applicationPath}/rollouts`, ({ param, query }) => {
      findApplication(cloud, param('application'))
      const limit = Number(query.get('limit') ?? 100) || 100
      return {
        result: cloud.store.containers.rollouts(param('application')).slice(0, limit).map(rolloutView),
      }
    })
    .on(`GET ${applicationPath}/rollouts/{rollout}`, ({ param }) => ({
      result: rolloutView(findRollout(cloud, ids({ param }))),
      messages,
    }))
    .on(`POST ${applicationPath}/rollouts/{rollout}`, async ({ req, param }) => {
      const { action } = await readBody(req, rolloutAction)
      return { result: rolloutView(actOnRollout(cloud, { ...ids({ param }), action })), messages }
    })
    .on(`DELETE ${applicationPath}/rollouts/{rollout}`, ({ param }) => {
      const rollout = findRollout(cloud, ids({ param }))
      const active = cloud.store.containers.application(rollout.applicationId)?.activeRolloutId
      if (active === rollout.id) throw containersRefusal('VALIDATE_INPUT', 'The rollout is in progress.')
      cloud.store.containers.deleteRollout(rollout.id)
      return { result: {} }
    })
}

/** Reads a body and reports an invalid one in the format of the containers API. @throws VALIDATE_INPUT */
async function readBody<T>(req: Call['req'], schema: z.ZodType<T>): Promise<T> {
  try {
    return await readJson(req, schema)
  } catch (error) {
    if (error instanceof ApiError && error.status === 400)
      throw containersRefusal('VALIDATE_INPUT', error.message)
    throw error
  }
}

const sizeView = ({ vcpu, memoryMib, diskMb }: Size) => ({
  vcpus: vcpu,
  memory_mib: memoryMib,
  disk_mb: diskMb,
})

function account(accountId: string) {
  return {
    external_account_id: accountId,
    limits: {
      account_id: accountId,
      vcpu_per_deployment: perContainer.vcpu,
      memory_mib_per_deployment: perContainer.memoryMib,
      disk_mb_per_deployment: perContainer.diskMb,
      total_vcpu: perAccount.vcpu,
      total_memory_mib: perAccount.memoryMib,
      total_disk_mb: perAccount.diskMb,
    },
    locations: [],
    defaults: { vcpus: 0.0625, memory_mib: 256, disk_mb: 2000 },
  }
}

/** Selects one page. The containers API pages by a token, which is the number of the next page here. */
function pages(all: readonly unknown[], query: URLSearchParams) {
  const search = new URLSearchParams(query)
  search.set('page', query.get('page_token') ?? '1')
  const { items, info } = paged(all, search)
  const more = info.page < info.total_pages
  return {
    result: items,
    resultInfo: { ...info, ...(more ? { next_page_token: String(info.page + 1) } : {}) },
  }
}
