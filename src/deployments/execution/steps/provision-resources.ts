import { planUnusable } from '../../model/errors.ts'
import { resourceLabels, type WantedResource, wantedResources } from '../../model/request/resources.ts'
import { stale } from '../../plans/current-state/index.ts'
import type { Target } from '../../targets/targets.ts'
import type { StepContext, StepResult } from './context.ts'

/** The part of a step's context that concerns resources. */
export interface ResourceContext extends Pick<StepContext, 'remember' | 'signal' | 'log'> {
  deployment: Pick<StepContext['deployment'], 'resources'>
  plan: Pick<StepContext['plan'], 'config' | 'basis'>
  target: Pick<Target, 'resources'>
}

/**
 * Finds the resources that the plan refers to by name, and creates those that the plan creates. A name belongs to one
 * resource of an account, so an attempt after a crash or a lost answer finds what the earlier one created.
 */
export async function provisionResources(context: ResourceContext): Promise<StepResult> {
  const { deployment, plan, log } = context
  const known = deployment.resources ?? {}
  for (const resource of wantedResources(plan.config)) {
    if (known[resource.key] !== undefined) continue
    const provided = await provide(context, resource)
    await context.remember({ resources: { [resource.key]: provided } })
    const label = `${resourceLabels[resource.type]} ${resource.name}`
    log.info(provided.created ? `Created the ${label}` : `Found the ${label}`)
  }
  return {}
}

async function provide({ plan, target, signal }: ResourceContext, resource: WantedResource) {
  const { key, type, name, create } = resource
  const expected = plan.basis?.resources?.[key]
  const found = await target.resources.find(resource, signal)
  const label = `${resourceLabels[type]} ${name}`
  const isOther = typeof expected === 'string' && found !== expected
  if (isOther) throw stale([found === undefined ? `the ${label} was deleted` : `the ${label} is another one`])
  // The plan said that it creates the resource: an earlier attempt may have done so.
  if (found !== undefined) return { type, name, id: found, created: expected === null }
  if (!create) throw planUnusable(`The ${label} of ${key} does not exist`)
  return { type, name, id: await target.resources.create(resource, signal), created: true }
}
