import type { CloudContext } from '../../context.ts'
import { ApiError } from '../../errors.ts'
import type { Workflow, WorkflowVersion } from '../../store/workflows/definitions.ts'
import { parseCron } from '../../triggers/schedules.ts'
import { deleteWorkflow, putWorkflow, requireWorkflow } from '../../workflows/definitions.ts'
import { workflowBody } from '../../workflows/schema.ts'
import { readJson } from '../body.ts'
import { paged } from '../envelope.ts'
import type { Call, Router } from '../router.ts'

const all = '/accounts/{account}/workflows'
const one = `${all}/{workflow}`

/** The routes of the definitions of workflows. */
export function workflowRoutes(router: Router, cloud: CloudContext): void {
  const { store } = cloud
  const found = (call: Call) => requireWorkflow(cloud, call.param('workflow'))
  router
    .on(`GET ${all}`, ({ query }) => {
      const search = query.get('search') ?? ''
      const matching = store.workflows.list().filter(({ name }) => name.includes(search))
      const { items, info } = paged(matching, query)
      return { result: items.map((each) => workflowView(cloud, each)), resultInfo: info }
    })
    .on(`GET ${one}`, (call) => ({ result: workflowView(cloud, found(call)) }))
    .on(`PUT ${one}`, async (call) => {
      const body = await readJson(call.req, workflowBody)
      const workflow = await putWorkflow(cloud, call.param('workflow'), body)
      return { result: updatedView(workflow), messages: notApplied(workflow) }
    })
    .on(`DELETE ${one}`, async (call) => {
      await deleteWorkflow(cloud, call.param('workflow'))
      return { result: { status: 'ok', success: true } }
    })
    .on(`GET ${one}/versions`, (call) => {
      const workflow = found(call)
      const { items, info } = paged(store.workflows.versions(workflow.id), call.query)
      return { result: items.map((each) => versionView(workflow, each)), resultInfo: info }
    })
    .on(`GET ${one}/versions/{version}`, (call) => {
      const workflow = found(call)
      const version = store.workflows.versions(workflow.id).find(({ id }) => id === call.param('version'))
      if (version === undefined) throw new ApiError('workflowVersionNotFound')
      return { result: versionView(workflow, version) }
    })
}

const basicView = ({ id, name, scriptName, className, createdOn, modifiedOn, triggeredOn }: Workflow) => ({
  id,
  name,
  script_name: scriptName,
  class_name: className,
  created_on: createdOn,
  modified_on: modifiedOn,
  triggered_on: triggeredOn,
})

function workflowView({ store, clock }: CloudContext, workflow: Workflow) {
  const instances = store.instances.counts(workflow.id)
  const { schedules = [], jurisdiction } = workflow.settings
  const next = schedules.map(({ cron }) => ({
    cron,
    next_instance: parseCron(cron).nextRun(new Date(clock()))?.toISOString() ?? '',
  }))
  return {
    ...basicView(workflow),
    instances,
    ...(next.length === 0 ? {} : { schedules: next }),
    ...(jurisdiction === undefined ? {} : { jurisdiction }),
    script_deleted: store.scripts.find(workflow.scriptName) === undefined,
  }
}

const updatedView = (workflow: Workflow) => ({
  ...basicView(workflow),
  is_deleted: 0,
  terminator_running: 0,
  version_id: workflow.versionId,
})

/** Says what of a definition has no effect here. */
function notApplied({ name, settings }: Workflow) {
  const names = [
    ...(settings.concurrency === undefined ? [] : ['concurrency']),
    ...(settings.default_retention === undefined ? [] : ['default_retention']),
  ]
  return names.map((field) => ({
    code: 10300,
    message: `The setting ${field} of the workflow ${name} is recorded but has no effect: the local cloud starts instances at once and keeps them until they are deleted.`,
  }))
}

function versionView({ id }: Workflow, version: WorkflowVersion) {
  const { limits, concurrency } = version.settings
  return {
    id: version.id,
    workflow_id: id,
    class_name: version.className,
    created_on: version.createdOn,
    modified_on: version.createdOn,
    has_dag: false,
    language: 'javascript',
    ...(limits === undefined ? {} : { limits }),
    ...(concurrency === undefined ? {} : { concurrency }),
  }
}
