import { type Principal, requirePrincipal } from '../../platform/auth.ts'
import { type Route, type RouteRequest, route } from '../../platform/http/index.ts'
import {
  type DeploymentActions,
  OutdatedOutlook,
  type PreparedPlan,
  type RollbackRequest,
} from '../actions/index.ts'
import { stepsOf } from '../model/plan-steps.ts'
import {
  cancelBody,
  deleteAppBody,
  deployBody,
  idParams,
  prepareBody,
  retryBody,
  rollbackBody,
  targetParams,
} from '../model/schema.ts'
import { steps } from '../model/states.ts'
import { operation } from './operation.ts'
import { success } from './success.ts'
import { deploymentView } from './views.ts'

const MIB = 1024 * 1024

interface WriteRouteOptions {
  actions: DeploymentActions
}

/** The routes that change a deployment or an app. */
export function writeRoutes(options: WriteRouteOptions): Route[] {
  return [...deployRoutes(options), ...existingTargetRoutes(options)]
}

/** The routes that prepare a plan and start its deployment. */
function deployRoutes({ actions }: WriteRouteOptions): Route[] {
  return [
    route({
      ...operation('prepareDeployment'),
      wrap: success,
      method: 'post',
      path: '/deploy/prepare',
      access: 'deployments:write',
      body: prepareBody,
      bodyLimit: 16 * MIB,
      async handle({ body, principal, commit }) {
        const prepared = await actions.prepare(requirePrincipal(principal), body)
        return commit(async (trx) => {
          await actions.keep(trx, prepared)
          return { body: preparedView(prepared) }
        })
      },
    }),
    route({
      ...operation('createDeployment'),
      wrap: success,
      method: 'post',
      path: '/deploy',
      access: 'deployments:write',
      body: deployBody,
      async handle({ body, principal, correlationId, commit }) {
        const addresses = await actions.addressesOf({
          plan: body.deploymentId,
          by: requirePrincipal(principal),
        })
        const changed = await actions.changesSince(body.deploymentId, requirePrincipal(principal))
        return commit(async (trx) => {
          const { jobId } = await actions.deploy(trx, requirePrincipal(principal), {
            ...body,
            correlationId,
            changed,
          })
          const { deployment, steps } = await actions.get(body.deploymentId, trx)
          const urls = await actions.urls(deployment.app, addresses, trx)
          const rollbackInfo = await actions.rollbackInfo(deployment, trx)
          return { status: 202, body: deploymentView(deployment, { steps, urls, jobId, rollbackInfo }) }
        })
      },
    }),
  ]
}

const write = { wrap: success, access: 'deployments:write' } as const

/** The routes for an existing deployment or app. */
function existingTargetRoutes({ actions }: WriteRouteOptions): Route[] {
  return [
    rollbackRoute(actions, {
      ...operation('rollBackDeployment'),
      path: '/deploy/:id/rollback',
      params: idParams,
    }),
    rollbackRoute(actions, {
      ...operation('rollBackApp'),
      path: '/deploy/apps/:app/:environment/rollback',
      params: targetParams,
    }),
    route({
      ...operation('retryDeployment'),
      ...write,
      method: 'post',
      path: '/deploy/:id/retry',
      params: idParams,
      body: retryBody,
      handle: ({ params, body, principal, commit }) =>
        commit(async (trx) => {
          const started = await actions.retry(trx, requirePrincipal(principal), { ...params, ...body })
          return { status: 202, body: { retryId: started.jobId, status: 'initiated', ...started } }
        }),
    }),
    route({
      ...operation('cancelDeployment'),
      ...write,
      method: 'post',
      path: '/deploy/:id/cancel',
      params: idParams,
      body: cancelBody,
      handle: ({ params, principal, commit }) =>
        commit(async (trx) => {
          const { jobId } = await actions.cancel(trx, requirePrincipal(principal), params.id)
          return { status: 202, body: { deploymentId: params.id, jobId, cancelRequested: true } }
        }),
    }),
    route({
      ...operation('deleteApp'),
      ...write,
      method: 'delete',
      path: '/deploy/apps/:app/:environment',
      params: targetParams,
      body: deleteAppBody,
      handle: ({ params, body, principal, correlationId, commit }) =>
        commit(async (trx) => {
          const request = { ...params, ...body, correlationId }
          const started = await actions.deleteApp(trx, requirePrincipal(principal), request)
          const { app: appName, environment } = params
          return { status: 202, body: { status: 'initiated', appName, environment, ...started } }
        }),
    }),
  ]
}

/** Maximum number of reads of the cloud for one rollback, while deployments of the app begin or end. */
const maxCloudReads = 3

/** Rolls back a deployment, or the newest deployment of an app, depending on the parameters of the path. */
function rollbackRoute(
  actions: DeploymentActions,
  of: Pick<Route, 'operation' | 'path'> & { params: typeof idParams | typeof targetParams },
): Route {
  return route({
    ...write,
    ...of,
    method: 'post',
    body: rollbackBody,
    handle: ({ params: of, body, principal, commit }) =>
      startRollback(actions, { principal: requirePrincipal(principal), request: { of, ...body }, commit }),
  })
}

/** Reads the cloud, then starts the rollback in a transaction. */
async function startRollback(
  actions: DeploymentActions,
  input: {
    principal: Principal
    request: RollbackRequest
    commit: RouteRequest<never, never, never>['commit']
  },
) {
  const { principal, request, commit } = input
  for (let attempt = 1; ; attempt++) {
    const outlook = await actions.rollbackOutlook(principal, request)
    try {
      return await commit(async (trx) => {
        const started = await actions.rollback(trx, principal, { ...request, outlook })
        return { status: 202, body: { rollbackId: started.jobId, status: 'initiated', ...started } }
      })
    } catch (error) {
      if (!(error instanceof OutdatedOutlook) || attempt === maxCloudReads) throw error
    }
  }
}

function preparedView({ plan, cost, quarantinedBy }: PreparedPlan) {
  return {
    prepared: true,
    deploymentId: plan.id,
    checks: { resources: 'pass', quotas: 'pass', dependencies: 'pass' },
    estimatedCost: cost,
    plan: {
      digest: plan.digest,
      steps: stepsOf(plan.config).map((step) => ({ step, name: steps[step] })),
      changes: plan.preview.changes,
      ...(plan.config.source === undefined ? {} : { source: plan.config.source }),
      addresses: {
        workersDev: plan.preview.publication?.workersDev ?? plan.basis?.workersDev ?? false,
        previewUrls: plan.preview.publication?.previewUrls ?? plan.basis?.previewUrls ?? false,
        healthCheck: plan.preview.healthCheck ?? null,
      },
      checkBeforeTraffic: plan.preview.checkBeforeTraffic ?? null,
      // This content was rolled back before: deploying it again needs options.force.
      quarantined: quarantinedBy !== null,
    },
    reversible: plan.preview.reversible,
    expiresAt: plan.expiresAt.toISOString(),
  }
}
