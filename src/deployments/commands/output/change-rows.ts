import { propertiesOf } from '../../../platform/thrown.ts'
import type { PrepareRequest } from '../project/request.ts'
import type { PreparedAnswer } from '../wire.ts'

export interface ChangeRow {
  action: string
  kind: string
  name: string
  /** What a binding leads to, or which binding a new resource is for; else empty. */
  details: string
}

/** The fields of a binding that say what it leads to. The first one given decides. */
const targets = [
  ...['namespace_id', 'id', 'bucket_name', 'queue_name', 'workflow_name', 'service', 'class_name', 'dataset'],
  ...['index_name', 'namespace', 'certificate_id', 'secret_name', 'service_id', 'pipeline', 'stream'],
]

/** The changes of a plan, as people read them. */
export function changeRows({ plan }: PreparedAnswer, { config }: PrepareRequest): ChangeRow[] {
  const bindings = new Map(config.bindings?.map(propertiesOf).map((each) => [each.name, each]))
  return plan.changes.map(({ kind, name, action, binding, note }) => {
    const bound = binding === undefined ? bindings.get(name) : undefined
    const target = bound?.type === kind && action !== 'delete' ? targetOf(bound) : undefined
    const details = [
      ...(binding === undefined ? [] : [`for ${binding}`]),
      ...(target === undefined ? [] : [`binding to ${target}`]),
      ...(note === undefined ? [] : [note]),
    ]
    return { action, kind: kind.replaceAll('_', ' '), name, details: details.join(', ') }
  })
}

function targetOf(binding: Record<string, unknown>): string | undefined {
  const given = [propertiesOf(binding.provision).name, ...targets.map((field) => binding[field])]
  const target = given.find((value) => typeof value === 'string')
  return typeof target === 'string' ? target : undefined
}
