import type { IncomingMessage, ServerResponse } from 'node:http'
import type { LocalCloudLog } from '../options.ts'
import { LimitExceeded } from '../runtime/limits.ts'
import type { Pool } from '../runtime/pool.ts'
import type { Lease } from '../runtime/slot.ts'
import { StartTimeout } from '../runtime/workerd.ts'
import type { Store } from '../store/index.ts'
import { type Site, siteOf } from './host.ts'
import { pickVersion } from './pick-version.ts'
import {
  type Forwarded,
  forward,
  forwardUpgrade,
  isRepeatable,
  refuse,
  refuseUpgrade,
  type UpgradeClient,
} from './proxy.ts'

interface GatewayParts {
  store: Store
  pool: Pool
  log: LocalCloudLog
}

interface ErrorResponse {
  status: number
  text: string
}

/** Cloudflare's response for an exceeded limit. */
const overLimit = ({ message }: Error): ErrorResponse => ({
  status: 503,
  text: `error code: 1102\n${message}`,
})

/** Forwards requests for `<script>.localhost`, a custom domain or a Worker route to the script's Worker. */
export class Gateway {
  readonly #parts: GatewayParts

  constructor(parts: GatewayParts) {
    this.#parts = parts
  }

  siteOf(req: IncomingMessage): Site | undefined {
    return siteOf(this.#parts.store, req)
  }

  async handle(req: IncomingMessage, res: ServerResponse, site: Site): Promise<void> {
    const outcome = await this.#exchange(req, site, isRepeatable(req), (lease) => forward(req, res, lease))
    if (outcome !== undefined) refuse(res, outcome.status, outcome.text)
  }

  async handleUpgrade(req: IncomingMessage, client: UpgradeClient, site: Site): Promise<void> {
    const outcome = await this.#exchange(req, site, false, (lease) => forwardUpgrade(req, client, lease))
    if (outcome !== undefined) refuseUpgrade(client.socket, outcome.status)
  }

  /**
   * Sends one request under a lease, in up to three attempts if the workerd process has ended.
   * @returns the error response, if any
   */
  async #exchange(
    req: IncomingMessage,
    { script: name, isCustomHost }: Site,
    repeatable: boolean,
    send: (lease: Lease) => Promise<Forwarded>,
  ): Promise<ErrorResponse | undefined> {
    const script = this.#parts.store.scripts.find(name)
    if (script === undefined) return { status: 404, text: 'No Worker is at this address.' }
    if (!script.subdomainEnabled && !isCustomHost) {
      return { status: 404, text: 'The workers.dev address of this Worker is not enabled.' }
    }
    try {
      for (let attempt = 0; attempt < 3; attempt++) {
        const lease = await this.#parts.pool.acquire(script.id, (shares) =>
          pickVersion(shares, req.headers, name),
        )
        if (lease === undefined) return { status: 404, text: 'No Worker is at this address.' }
        const outcome = await send(lease).finally(() => lease.release())
        if (outcome === 'done') return undefined
        const exceeded = await lease.broken()
        if (outcome === 'unreachable') continue
        // A retry would most likely end the next process, too.
        if (exceeded !== undefined) return overLimit(exceeded)
        // Lost responses are common then: the kernel still accepts connections for a process that is being killed.
        if (!repeatable) return { status: 502, text: 'The Worker ended before it responded.' }
      }
    } catch (error) {
      if (error instanceof LimitExceeded || error instanceof StartTimeout) return overLimit(error)
      this.#parts.log.warn({ err: error, script: name }, 'Could not forward a request to a Worker')
    }
    return { status: 500, text: 'The Worker could not be started.' }
  }
}
