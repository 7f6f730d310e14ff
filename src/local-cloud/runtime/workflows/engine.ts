import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { WorkerOptions } from 'miniflare'
import { appName } from '../gate.ts'
import { type Group, type GroupWorkflow, leadOf } from '../groups/group.ts'
import type { CloudAddress } from '../options/queues.ts'
import { engineName, storageKeyOf, wrapperName } from './names.ts'
import { engineEntry } from './script.ts'

/** The settings with which Miniflare runs the engine. */
const runtime = { compatibilityDate: '2024-10-22', compatibilityFlags: ['experimental'] }
/** A flag of the app that decides how the engine reports its errors. */
const preservesErrors = 'workflows_preserve_non_retryable_error_message'

/** The engines of the workflows of a group. An engine without the class to run answers only questions. */
export function engineWorkers(group: Group, { port, secret }: CloudAddress): WorkerOptions[] {
  return group.workflows.map((workflow) => {
    const runner = runnerOf(group, workflow)
    const flags = runner?.flags.includes(preservesErrors) ? [preservesErrors] : []
    const steps = workflow.stepLimit === undefined ? {} : { STEP_LIMIT: String(workflow.stepLimit) }
    return {
      name: engineName(workflow.id),
      modulesRoot: '/',
      modules: [
        { type: 'ESModule', path: '/entry.js', contents: engineEntry },
        { type: 'ESModule', path: '/engine.js', contents: bundled('binding.worker.js') },
      ],
      compatibilityDate: runtime.compatibilityDate,
      compatibilityFlags: [...runtime.compatibilityFlags, ...flags],
      bindings: { SECRET: secret, WORKFLOW_ID: workflow.id, WORKFLOW_NAME: workflow.name, ...steps },
      durableObjects: {
        ENGINE: {
          className: 'Engine',
          useSQLite: true,
          unsafeUniqueKey: storageKeyOf(workflow.id),
          unsafePreventEviction: true,
        },
      },
      serviceBindings: {
        CLOUD: { external: { address: `127.0.0.1:${port}`, http: {} } },
        ...(runner === undefined
          ? {}
          : { USER_WORKFLOW: { name: appName(runner.versionId), entrypoint: workflow.className } }),
      },
    }
  })
}

/** The version that runs the instances of a workflow: that of its script with the largest share of the traffic. */
function runnerOf(
  group: Group,
  { scriptName, className }: Pick<GroupWorkflow, 'scriptName' | 'className'>,
): { versionId: string; flags: string[] } | undefined {
  const owner = group.scripts.find(({ name }) => name === scriptName)
  const runnable = owner && leadOf(owner)
  const isExported = runnable?.version.code.namedHandlers.some(({ name }) => name === className)
  if (runnable === undefined || !isExported) return undefined
  return { versionId: runnable.version.id, flags: runnable.version.code.compatibilityFlags }
}

/** The Worker that wraps a workflow for the bindings of apps. */
export const wrapperWorker = (workflowId: string): WorkerOptions => ({
  name: wrapperName(workflowId),
  modules: true,
  script: bundled('wrapped-binding.worker.js'),
  serviceBindings: { binding: { name: engineName(workflowId), entrypoint: 'WorkflowBinding' } },
})

const bundles = new Map<string, string>()

/** The code of one of Miniflare's Workers for workflows. */
function bundled(file: string): string {
  const present = bundles.get(file)
  if (present !== undefined) return present
  const miniflare = dirname(createRequire(import.meta.url).resolve('miniflare'))
  const code = readFileSync(join(miniflare, 'workers', 'workflows', file), 'utf8')
  bundles.set(file, code)
  return code
}
