import type { WorkerBinding } from './cloudflare.ts'
import type { ContainerApplication } from './containers/container-api.ts'
import { bindingName, type Plan, type PlanPreview } from './plan.ts'

/** What is there of the script that a plan is for. */
interface Found {
  exists: boolean
  classes: string[]
  bindings: WorkerBinding[]
  /** Of the plan's container. */
  application: ContainerApplication | undefined
  /** One that goes with a class that the plan deletes. */
  leaving: ContainerApplication | undefined
}
type Change = PlanPreview['changes'][number]
type Draft = Pick<Plan, 'config' | 'secrets'>

const bindingKinds: Record<string, string> = {
  plain_text: 'variable',
  secret_text: 'secret',
  durable_object_namespace: 'binding',
}

/** What will be created, replaced, renamed, deleted or left alone. */
export function changesOf(plan: Draft, found: Found): Change[] {
  const { script, durableObjects, environmentVars, migrations } = plan.config
  const renamed = new Map(migrations.renamedClasses.map((each) => [each.to, each.from]))
  const classAction = (name: string) => {
    if (found.classes.includes(name)) return 'keep' as const
    return found.classes.includes(renamed.get(name) ?? '') ? ('rename' as const) : ('create' as const)
  }
  const there = (type: string, name: string) =>
    found.bindings.find((each) => each.type === type && each.name === name)
  const action = (present: WorkerBinding | undefined, same = false) => {
    if (present === undefined) return 'create' as const
    return same ? ('keep' as const) : ('replace' as const)
  }
  const variables = Object.entries(environmentVars).map(([name, text]) => {
    const present = there('plain_text', name)
    return { kind: 'variable', name, action: action(present, present?.text === text) }
  })
  const classBindings = durableObjects.map((className) => {
    const name = bindingName(className)
    const present = there('durable_object_namespace', name)
    return { kind: 'binding', name, action: action(present, present?.className === className) }
  })
  return [
    { kind: 'worker', name: script, action: found.exists ? 'replace' : 'create' },
    ...durableObjects.map((name) => ({ kind: 'durable_object', name, action: classAction(name) })),
    ...migrations.deletedClasses
      .filter((name) => found.classes.includes(name))
      .map((name) => ({ kind: 'durable_object', name, action: 'delete' as const })),
    ...containerChange(plan, found),
    ...variables,
    // The cloud does not tell what a secret is: it is sent again.
    ...Object.keys(plan.secrets).map((name) => ({
      ...{ kind: 'secret', name },
      action: action(there('secret_text', name)),
    })),
    ...classBindings,
    ...removedBindings(plan, found).map(({ type, name }) => ({
      ...{ kind: bindingKinds[type] ?? 'binding', name },
      action: 'delete' as const,
    })),
  ]
}

function containerChange({ config }: Draft, { application, leaving }: Found): Change[] {
  const { script, container } = config
  if (leaving !== undefined) return [{ kind: 'container', name: leaving.name, action: 'delete' }]
  if (container === undefined) return []
  if (application === undefined) return [{ kind: 'container', name: script, action: 'create' }]
  const same =
    application.image.endsWith(container.digest) &&
    application.instanceType === container.instanceType &&
    application.maxInstances === container.maxInstances
  return [{ kind: 'container', name: application.name, action: same ? 'keep' : 'replace' }]
}

/** Whether the version that serves now could simply serve again. */
export function reversibleOf(plan: Draft, found: Found): PlanPreview['reversible'] {
  if (!found.exists) return { value: true, reasons: [] }
  const { durableObjects, migrations } = plan.config
  const reasons = [
    ...durableObjects
      .filter((name) => !found.classes.includes(name))
      .map((name) => `creates or renames to the class ${name}`),
    ...migrations.deletedClasses
      .filter((name) => found.classes.includes(name))
      .map((name) => `deletes the class ${name} and its data`),
    ...removedBindings(plan, found).map(({ name }) => `removes the binding ${name}`),
  ]
  return { value: reasons.length === 0, reasons }
}

/** Bindings of the present version whose names the plan has no use for; those of leaving classes are told as such. */
function removedBindings({ config, secrets }: Draft, { bindings }: Found): WorkerBinding[] {
  const { durableObjects, environmentVars, migrations } = config
  const kept = new Set([
    ...durableObjects.map(bindingName),
    ...Object.keys(environmentVars),
    ...Object.keys(secrets),
  ])
  const leaving = new Set([
    ...migrations.deletedClasses,
    ...migrations.renamedClasses.map((each) => each.from),
  ])
  return bindings.filter(({ name, className }) => !kept.has(name) && !leaving.has(className ?? ''))
}
