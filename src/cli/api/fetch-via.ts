import { createProxyChoice } from '../../platform/network/proxies.ts'
import type { Fetch } from './request.ts'

/** A `fetch` that goes through `HTTPS_PROXY` and its kin where they are set; addresses of this machine never do. */
export async function fetchVia(env: NodeJS.ProcessEnv, url: string): Promise<Fetch> {
  const uri = createProxyChoice(env)(new URL(url))
  if (uri === undefined) return globalThis.fetch
  const { ProxyAgent, fetch } = await import('undici')
  const dispatcher = new ProxyAgent({ uri })
  const through = (target: string, init: object) => fetch(target, { ...init, dispatcher })
  // The package's types and those of Node's own copy of it differ in name only.
  return through as unknown as Fetch
}
