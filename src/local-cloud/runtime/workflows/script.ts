/**
 * The entry of a workflow's engine. It extends the engine of Miniflare, which starts an instance only when it is created and
 * keeps no list: here the cloud records each instance before it starts, learns each change of its status, and continues
 * the instances after a restart.
 */
export const engineEntry = `
import { WorkerEntrypoint } from 'cloudflare:workers'
import { Engine as MiniflareEngine, WorkflowBinding as MiniflareBinding } from 'engine.js'

const statuses = ['queued', 'running', 'paused', 'errored', 'terminated', 'complete', 'waitingForPause', 'waiting']
const metadataKey = 'INSTANCE_METADATA'
const [queued, started] = [0, 1]

async function tell(env, method, path, body) {
  const headers = { authorization: 'Bearer ' + env.SECRET, 'content-type': 'application/json' }
  const url = 'http://cloud/capstan/internal/workflows/' + env.WORKFLOW_ID + '/instances' + path
  const response = await env.CLOUD.fetch(url, { method, headers, body: JSON.stringify(body) })
  const { result, errors } = await response.json()
  if (!response.ok) throw new Error(errors[0].message)
  return result
}

export class Engine extends MiniflareEngine {
  /** Records the instance before it runs, so that an end of the process does not lose it. */
  async begin({ id, versionId, createdOn, schedule }, params) {
    const instance = {
      id, created_on: createdOn, modified_on: createdOn, workflow_id: this.env.WORKFLOW_ID, version_id: versionId,
      status: queued, started_on: createdOn, ended_on: null,
    }
    const event = {
      timestamp: new Date(createdOn), payload: params, instanceId: id, workflowName: this.env.WORKFLOW_NAME,
      ...(schedule === undefined ? {} : { schedule }),
    }
    const metadata = { accountId: 0, workflow: { name: this.env.WORKFLOW_NAME }, version: { id: versionId }, instance, event }
    if ((await this.ctx.storage.get(metadataKey)) === undefined) {
      await this.ctx.storage.put(metadataKey, metadata)
      this.writeLog(queued, null, null, { params, versionId })
      this.writeLog(started, null, null, {})
    }
    this.#run(metadata)
  }

  /** Continues the instance after a start of the process. @returns its status */
  async proceed(about, params) {
    const metadata = await this.ctx.storage.get(metadataKey)
    if (metadata === undefined) await this.begin(about, params)
    else this.#run(metadata)
    return statuses[await this.getStatus()]
  }

  #run({ accountId, workflow, version, instance, event }) {
    this.ctx.waitUntil(this.init(accountId, workflow, version, instance, event).catch(() => {}))
  }

  async setStatus(accountId, id, status) {
    await super.setStatus(accountId, id, status)
    // A report that is lost is made up for when the process starts again.
    await tell(this.env, 'PUT', '/' + encodeURIComponent(id), { status: statuses[status] }).catch(() => {})
  }
}

const engineOf = (env, id) => env.ENGINE.get(env.ENGINE.idFromName(id))

/** What a binding of a Worker reaches. */
export class WorkflowBinding extends MiniflareBinding {
  async create({ id, params = {} } = {}) {
    const body = { ...(id === undefined ? {} : { id }), params: JSON.stringify(params) ?? '{}' }
    const instance = await tell(this.env, 'POST', '', body)
    await engineOf(this.env, instance.id).begin(instance, params)
    return { id: instance.id }
  }

  /** As on Cloudflare, instances that exist are left out of the result. */
  async createBatch(batch) {
    if (batch.length === 0 || batch.length > 100) throw new Error('A batch must have 1 to 100 instances.')
    const made = []
    for (const each of batch) {
      try {
        made.push(await this.create(each))
      } catch (error) {
        if (!String(error.message).includes('instance.already_exists')) throw error
      }
    }
    return made
  }
}

/** What the API of the cloud reaches. */
export class Control extends MiniflareBinding {
  async begin(instance, params) {
    await engineOf(this.env, instance.id).begin(instance, params)
  }

  async proceed(instances) {
    const found = instances.map(async ({ params, ...about }) =>
      [about.id, await engineOf(this.env, about.id).proceed(about, JSON.parse(params))])
    return Object.fromEntries(await Promise.all(found))
  }

  async details(id) {
    const engine = engineOf(this.env, id)
    return { status: statuses[await engine.getStatus()], logs: await engine.readDetailedLogs() }
  }

  async change(id, { action, options }) {
    const handle = await this.get(id)
    await handle[action](options)
    return (await handle.status()).status
  }

  async event(id, { type, payload }) {
    await engineOf(this.env, id).receiveEvent({ type, payload, timestamp: new Date() })
  }

  async remove(id) {
    await this.unsafeAbort(id, 'the instance was deleted')
  }
}

export default { fetch: () => new Response(null, { status: 404 }) }
`
