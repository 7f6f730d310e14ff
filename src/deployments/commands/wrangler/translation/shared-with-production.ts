import { plain } from '../../../../cli/index.ts'
import { propertiesOf } from '../../../../platform/thrown.ts'
import { writtenSection } from '../reading/environments.ts'
import type { ConfigPath, RawConfig } from '../reading/raw-config.ts'
import { inSection } from '../reading/refusals.ts'

/** The lists of a section whose entries lead to a resource, and the fields that identify it. The first one given decides. */
const resources: { key: string; label: string; fields: string[] }[] = [
  { key: 'kv_namespaces', label: 'KV namespace', fields: ['id'] },
  { key: 'd1_databases', label: 'D1 database', fields: ['database_id', 'database_name'] },
  { key: 'r2_buckets', label: 'R2 bucket', fields: ['bucket_name'] },
  { key: 'queues.producers', label: 'queue', fields: ['queue'] },
  { key: 'queues.consumers', label: 'queue', fields: ['queue'] },
  { key: 'durable_objects.bindings', label: 'Worker', fields: ['script_name'] },
  { key: 'workflows', label: 'workflow', fields: ['name'] },
  { key: 'services', label: 'Worker', fields: ['service'] },
  { key: 'hyperdrive', label: 'Hyperdrive configuration', fields: ['id'] },
  { key: 'vectorize', label: 'Vectorize index', fields: ['index_name'] },
  { key: 'analytics_engine_datasets', label: 'Analytics Engine dataset', fields: ['dataset'] },
  { key: 'secrets_store_secrets', label: 'secret of a secrets store', fields: ['secret_name'] },
  { key: 'dispatch_namespaces', label: 'dispatch namespace', fields: ['namespace'] },
  { key: 'mtls_certificates', label: 'certificate', fields: ['certificate_id'] },
  { key: 'pipelines', label: 'pipeline', fields: ['pipeline', 'stream'] },
  { key: 'vpc_services', label: 'VPC service', fields: ['service_id'] },
  { key: 'routes', label: 'route', fields: ['pattern'] },
]

interface Use {
  label: string
  identity: string
  /** The name of the binding; undefined for consumers and routes. */
  binding: string | undefined
  path: ConfigPath
}

/**
 * The resources that staging's section names although they are those of production's section: staging's tests would change
 * what users see.
 * @param isShared true for bindings that may lead to a resource of production
 */
export function sharedWithProduction(
  raw: RawConfig,
  { section, production }: { section: string; production: string },
  isShared: (binding: string) => boolean,
): string[] {
  const theirs = new Set([...usesOf(raw, production)].map(keyOf))
  const shared = [...usesOf(raw, section)].filter(
    (use) => theirs.has(keyOf(use)) && !(use.binding !== undefined && isShared(use.binding)),
  )
  const where = section === '' ? 'the top level' : `env.${section}`
  return shared.map(({ label, identity, binding, path }) => {
    const use = binding === undefined ? '' : `, as ${plain(binding)}`
    return `${raw.name}, line ${raw.lineOf(path)}: ${where} gives staging the ${label} of production: ${plain(identity)}${use}`
  })
}

const keyOf = ({ label, identity }: Use) => `${label} ${identity}`

function* usesOf(raw: RawConfig, section: string): Generator<Use> {
  const written = writtenSection(raw, section)
  for (const { key, label, fields } of resources) {
    const parts = key.split('.')
    const list = parts.reduce<unknown>((value, part) => propertiesOf(value)[part], written)
    if (key === 'routes' && written.route !== undefined) yield* routeOf(written.route, section)
    if (!Array.isArray(list)) continue
    for (const [index, each] of list.entries()) {
      const entry = typeof each === 'string' ? { pattern: each } : propertiesOf(each)
      const identity = fields.map((field) => entry[field]).find((value) => typeof value === 'string')
      if (typeof identity !== 'string') continue
      const name = entry.binding ?? entry.name
      const path = inSection(section, ...parts, index)
      yield { label, identity, binding: typeof name === 'string' ? name : undefined, path }
    }
  }
}

function* routeOf(route: unknown, section: string): Generator<Use> {
  const identity = typeof route === 'string' ? route : propertiesOf(route).pattern
  if (typeof identity === 'string')
    yield { label: 'route', identity, binding: undefined, path: inSection(section, 'route') }
}
