import { z } from 'zod'
import type { CloudContext } from '../../context.ts'
import { ApiError } from '../../errors.ts'
import type { Workflow } from '../../store/workflows/definitions.ts'
import { finalStatuses, type ListedInstance } from '../../store/workflows/instances.ts'
import { requireWorkflow } from '../../workflows/definitions.ts'
import { instanceDetails } from '../../workflows/details.ts'
import {
  changeInstance,
  createInstance,
  deleteInstance,
  recordInstance,
  requireInstance,
  sendEvent,
} from '../../workflows/instances.ts'
import { aboutInstance } from '../../workflows/proceed.ts'
import {
  batchBody,
  boundBody,
  createBody,
  deleteBatchBody,
  reportBody,
  statusBody,
} from '../../workflows/schema.ts'
import { parseJson, readBytes, readJson } from '../body.ts'
import type { Call, Router } from '../router.ts'

const all = '/accounts/{account}/workflows/{workflow}/instances'
const one = `${all}/{instance}`
/** Cloudflare's limit for the parameters of an instance and for an event. */
const maxPayloadBytes = 1024 * 1024

/** The routes of the instances of workflows. */
export function instanceRoutes(router: Router, cloud: CloudContext): void {
  const found = (call: Call) => requireWorkflow(cloud, call.param('workflow'))
  const start = async (
    workflow: Workflow,
    { instance_id: id, params }: { instance_id?: string | undefined; params?: unknown },
  ) => startedView(await createInstance(cloud, workflow, { id, params: jsonOf(params), source: 'api' }))
  router
    .on(`GET ${all}`, (call) => listInstances(cloud, found(call), call.query))
    .on(`POST ${all}`, async (call) => {
      const workflow = found(call)
      return { result: await start(workflow, await readJson(call.req, createBody, 2 * maxPayloadBytes)) }
    })
    .on(`POST ${all}/batch`, async (call) => {
      const workflow = found(call)
      const result = []
      for (const each of await readJson(call.req, batchBody, 100 * maxPayloadBytes)) {
        // As with a binding, instances that exist are left out of the result.
        const isPresent =
          each.instance_id !== undefined && cloud.store.instances.find(workflow.id, each.instance_id)
        if (!isPresent) result.push(await start(workflow, each))
      }
      return { result }
    })
    .on(`POST ${all}/batch/delete`, async (call) => {
      const workflow = found(call)
      const { instances } = await readJson(call.req, deleteBatchBody)
      return { result: await deleteAll(cloud, workflow, instances) }
    })
    .on(`PUT ${all}/terminate`, async (call) => {
      const workflow = found(call)
      const wanted = call.query.get('status')
      for (const { id, status } of cloud.store.instances.list(workflow.id)) {
        if (finalStatuses.has(status) || (wanted ?? status) !== status) continue
        await changeInstance(cloud, workflow, id, { status: 'terminate' })
      }
      return { result: { status: 'ok' } }
    })
    .on(`GET ${one}`, async (call) => {
      const workflow = found(call)
      const instance = requireInstance(cloud, workflow, call.param('instance'))
      return { result: await instanceDetails(cloud, workflow, instance) }
    })
    .on(`PATCH ${one}/status`, async (call) => {
      const change = await readJson(call.req, statusBody)
      const status = await changeInstance(cloud, found(call), call.param('instance'), change)
      return { result: { status, timestamp: new Date(cloud.clock()).toISOString() } }
    })
    .on(`POST ${one}/events/{type}`, async (call) => {
      const [workflow, id, type] = [found(call), call.param('instance'), call.param('type')]
      await sendEvent(cloud, workflow, id, { type, payload: await readPayload(call) })
      return { result: { instanceId: id, timestamp: new Date(cloud.clock()).toISOString() } }
    })
}

/** The parameters of a new instance as JSON. The npm client sends text that contains JSON. @throws ApiError 10026 */
function jsonOf(params: unknown = {}): string {
  if (typeof params !== 'string') return JSON.stringify(params)
  try {
    return JSON.stringify(JSON.parse(params))
  } catch {
    throw new ApiError('invalidBody', 'params: the text is not valid JSON')
  }
}

async function readPayload({ req }: Call): Promise<unknown> {
  const text = (await readBytes(req, maxPayloadBytes)).toString('utf8')
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    throw new ApiError('invalidBody', 'The body is not valid JSON.')
  }
}

async function deleteAll(cloud: CloudContext, workflow: Workflow, ids: string[]) {
  const deleted: { id: string }[] = []
  const errors: { id: string; message: string }[] = []
  for (const id of new Set(ids)) {
    try {
      await deleteInstance(cloud, workflow, id)
      deleted.push({ id })
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      errors.push({ id, message: error.message })
    }
  }
  return { deleted, errors }
}

/** One page of the instances, by page or by cursor, newest first unless asked otherwise. */
function listInstances({ store }: CloudContext, workflow: Workflow, query: URLSearchParams) {
  const [from, to, status] = [query.get('date_start'), query.get('date_end'), query.get('status')]
  const [after, before] = [from ?? '0', to ?? '9'].map((text) => Date.parse(text))
  const matching = store.instances.list(workflow.id).filter((each) => {
    const at = Date.parse(each.createdOn)
    return (
      (status ?? each.status) === each.status &&
      !(from !== null && at < (after ?? 0)) &&
      !(to !== null && at > (before ?? 0))
    )
  })
  const sorted = query.get('direction') === 'asc' ? matching : matching.toReversed()
  const perPage = Math.min(Math.max(Number(query.get('per_page')) || 50, 1), 100)
  const page = Math.max(Number(query.get('page')) || 1, 1)
  const cursor = query.get('cursor') ?? ''
  const first = cursor === '' ? (page - 1) * perPage : sorted.findIndex(({ id }) => id === cursor) + 1
  const items = sorted.slice(first, first + perPage)
  const next = first + perPage < sorted.length ? (items.at(-1)?.id ?? '') : ''
  const pages = Math.ceil(sorted.length / perPage)
  return {
    result: items.map(instanceView),
    resultInfo: {
      page,
      per_page: perPage,
      count: items.length,
      total_count: sorted.length,
      total_pages: pages,
      cursor: next,
    },
  }
}

const instanceView = (each: ListedInstance) => ({
  ...startedView(each),
  created_on: each.createdOn,
  modified_on: each.modifiedOn,
  started_on: each.startedOn,
  ended_on: each.endedOn,
})

const startedView = ({ id, status, versionId, workflowId, source }: ListedInstance) => ({
  id,
  status,
  version_id: versionId,
  workflow_id: workflowId,
  trigger_source: source,
})

/** The routes of the engines of workflows. They are not part of Cloudflare's API. */
export function engineRoutes(router: Router, cloud: CloudContext): void {
  const found = (call: Call): Workflow => {
    const workflow = cloud.store.workflows.find(call.param('workflow'))
    if (workflow === undefined) throw new ApiError('workflowNotFound')
    return workflow
  }
  router
    .on('POST /workflows/{workflow}/instances', async (call) => {
      const { id, params } = await readJson(call.req, boundBody, 2 * maxPayloadBytes)
      const checked = parseJson(params, z.json(), 'invalidBody')
      const wanted = { id, params: JSON.stringify(checked), source: 'binding' as const }
      return { result: aboutInstance(recordInstance(cloud, found(call), wanted)) }
    })
    .on('PUT /workflows/{workflow}/instances/{instance}', async (call) => {
      const { status } = await readJson(call.req, reportBody)
      const now = new Date(cloud.clock()).toISOString()
      cloud.store.instances.setStatus(found(call).id, call.param('instance'), status, now)
      return { result: null }
    })
}
