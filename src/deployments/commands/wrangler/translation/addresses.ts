import { hostnameShape } from '../../../model/request/names.ts'
import type { WranglerConfig } from '../reading/config-schema.ts'
import { writtenSection } from '../reading/environments.ts'
import type { RawConfig } from '../reading/raw-config.ts'
import { type ConfigFault, inSection } from '../reading/refusals.ts'

export interface Addresses {
  hostnames: string[]
  workersDev?: boolean
  previewUrls?: boolean
}

/** Staging without routes of its own inherits those of the top level, which are production's. */
export function inheritsRoutes(
  raw: RawConfig,
  { section, borrowed }: { section: string; borrowed: boolean },
): boolean {
  if (borrowed) return true
  const { routes, route } = writtenSection(raw, section)
  return section !== '' && routes === undefined && route === undefined
}

/**
 * The host names and the workers.dev flags.
 * @param options.dropRoutes leaves the host names out; then the workers.dev address is the app's only one
 * @returns the faults of routes that Capstan cannot express
 */
export function translateAddresses(
  config: WranglerConfig,
  options: { dropRoutes: boolean; section: string },
): { addresses: Addresses; faults: ConfigFault[]; dropped: string[] } {
  const routes = [...config.routes, ...(config.route == null ? [] : [config.route])]
  const entries = routes.map(hostnameOf)
  const { workers_dev: written, preview_urls: previewUrls } = config
  const flags = previewUrls == null ? {} : { previewUrls }
  if (options.dropRoutes && entries.length > 0) {
    return {
      addresses: { hostnames: [], workersDev: true, ...flags },
      faults: [],
      dropped: entries.flatMap(({ name }) => (name === undefined ? [] : [name])),
    }
  }
  const faults: ConfigFault[] = entries.flatMap(({ problem }, index) => {
    if (problem === undefined) return []
    const path = index < config.routes.length ? ['routes', index] : ['route']
    return [{ path: inSection(options.section, ...path), problem }]
  })
  const hostnames = [...new Set(entries.flatMap(({ name }) => (name === undefined ? [] : [name])))]
  // With routes, wrangler disables the workers.dev address unless the configuration enables it.
  const workersDev = written ?? (hostnames.length > 0 ? false : undefined)
  return {
    addresses: { hostnames, ...(workersDev === undefined ? {} : { workersDev }), ...flags },
    faults,
    dropped: [],
  }
}

type Route = WranglerConfig['routes'][number]

function hostnameOf(route: Route): { name?: string; problem?: string } {
  const {
    pattern,
    custom_domain: isDomain,
    enabled,
  } = typeof route === 'string' ? { pattern: route } : { ...route }
  if (enabled === false) return {}
  const name = pattern.toLowerCase()
  if (!hostnameShape.test(name)) {
    return {
      problem: `the pattern ${pattern} can't be deployed: expected a host name without scheme and port, which may start with *. and end in a path, like *.example.org/api/*`,
    }
  }
  if (isDomain && (name.includes('/') || name.includes('*'))) {
    return { problem: `a custom domain is a plain host name, not ${pattern}` }
  }
  if (!isDomain && !name.includes('/') && !name.startsWith('*.')) {
    return {
      problem: `the route ${pattern} has no path: write ${pattern}/* for a route, or add "custom_domain": true for a custom domain`,
    }
  }
  return { name }
}
