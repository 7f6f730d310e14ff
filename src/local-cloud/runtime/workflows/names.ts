import { appName } from '../gate.ts'

/** The Worker with the engine of a workflow, inside Miniflare. */
export const engineName = (workflowId: string): string => appName(`workflow-${workflowId}`)

/** The Worker that wraps a workflow for the bindings of apps. */
export const wrapperName = (workflowId: string): string => appName(`workflow-binding-${workflowId}`)

/** The key under which the runtime keeps the instances of a workflow: 32 hex digits, like those of other classes. */
export const storageKeyOf = (workflowId: string): string => workflowId.replaceAll('-', '')
