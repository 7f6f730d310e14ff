import type { Fetch } from './api-request.ts'

/** A `fetch` that goes through `HTTPS_PROXY` and its kin where they are set; addresses of this machine never do. */
export async function fetchVia(env: NodeJS.ProcessEnv, url: string): Promise<Fetch> {
  const proxies = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy']
  const { hostname } = new URL(url)
  const isHere = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
  if (isHere || !proxies.some((name) => env[name])) return globalThis.fetch
  const { EnvHttpProxyAgent, fetch } = await import('undici')
  const dispatcher = new EnvHttpProxyAgent()
  const through = (target: string, init: object) => fetch(target, { ...init, dispatcher })
  // The package's types and those of Node's own copy of it differ in name only.
  return through as unknown as Fetch
}
