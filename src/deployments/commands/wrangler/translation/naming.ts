import { createHash } from 'node:crypto'

/** The names of an app and of its resources. */
export interface Naming {
  /** The name of the Worker that Capstan deploys. */
  script: string
  /** The name under which wrangler would deploy it; references of the configuration to its own Worker use it. */
  wranglerName: string
  /** True if staging uses the section of production: then it gets resources of its own. */
  borrowed: boolean
  /** True for bindings that may use the resources of production nevertheless. */
  isShared(binding: string): boolean
  /** False if bound resources have to exist. */
  mayCreate: boolean
}

/** The name of staging's counterpart of a queue, workflow or Worker of production. */
export const stagingName = (name: string): string => `${name}-staging`

/** Names of buckets and queues have 3 to 63 characters. */
const maxName = 63

/** The name of a resource that only its binding identifies: `shop-staging-session-store` for `SESSION_STORE`. */
export function resourceName({ script }: Pick<Naming, 'script'>, binding: string): string {
  const name = `${script}-${binding}`
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
  if (name.length <= maxName) return name
  const mark = createHash('sha256').update(name).digest('hex').slice(0, 8)
  return `${name.slice(0, maxName - 9).replace(/-$/, '')}-${mark}`
}

/** The Worker that a reference by name means. */
export function scriptOf(
  { script, wranglerName, borrowed }: Naming,
  reference: string,
  shared: boolean,
): string {
  if (reference === wranglerName) return script
  return borrowed && !shared ? stagingName(reference) : reference
}
