import { internalError } from '../../../platform/errors.ts'
import type { PlanHead } from '../../model/plan.ts'
import { provisionedFields, provisionedType } from '../../model/request/bindings.ts'
import { bindingName } from '../../model/worker-module.ts'
import type { StepContext } from '../steps/context.ts'

/** The bindings of a plan as an upload contains them, with the ids of the resources that the deployment found. */
export function bindingsOf({
  deployment,
  plan,
  secrets,
}: Pick<StepContext, 'deployment' | 'plan' | 'secrets'>): Record<string, unknown>[] {
  const { durableObjects, environmentVars, bindings = [] } = plan.config
  const open = (name: string, sealed: string) => secrets.open(sealed, secretContext(plan, name))
  return [
    ...durableObjects.map((name) => ({
      type: 'durable_object_namespace',
      name: bindingName(name),
      class_name: name,
    })),
    ...Object.entries(environmentVars).map(([name, text]) => ({ type: 'plain_text', name, text })),
    ...bindings.map(({ provision, ...binding }) => {
      if (provision === undefined) return binding
      const type = provisionedType(binding.type)
      const id = deployment.resources?.[binding.name]?.id
      if (type === undefined || id === undefined)
        throw internalError(`The resource of the binding ${binding.name} is not known`)
      return { ...binding, [provisionedFields[type]]: id }
    }),
    ...Object.entries(plan.secrets).map(([name, sealed]) => ({
      type: 'secret_text',
      name,
      text: open(name, sealed),
    })),
  ]
}

const secretContext = (plan: PlanHead, name: string) => `plan:${plan.id}:${name}`
