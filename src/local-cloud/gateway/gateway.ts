import type { IncomingMessage, ServerResponse } from 'node:http'
import type { LocalCloudLog } from '../options.ts'
import type { Pool } from '../runtime/pool.ts'
import type { Lease } from '../runtime/slot.ts'
import type { Store } from '../store/index.ts'
import { type Site, siteOf } from './host.ts'
import { pickVersion } from './pick-version.ts'
import {
  type Forwarded,
  forward,
  forwardUpgrade,
  refuse,
  refuseUpgrade,
  type UpgradeClient,
} from './proxy.ts'

interface GatewayParts {
  store: Store
  pool: Pool
  log: LocalCloudLog
}

/** Answers requests to `<script>.localhost`, or to a host name of the script's own, with the script's Worker. */
export class Gateway {
  private readonly parts: GatewayParts

  constructor(parts: GatewayParts) {
    this.parts = parts
  }

  siteOf(req: IncomingMessage): Site | undefined {
    return siteOf(this.parts.store, req)
  }

  async handle(req: IncomingMessage, res: ServerResponse, site: Site): Promise<void> {
    const outcome = await this.exchange(req, site, (lease) => forward(req, res, lease))
    if (outcome !== undefined) refuse(res, outcome.status, outcome.text)
  }

  async handleUpgrade(req: IncomingMessage, client: UpgradeClient, site: Site): Promise<void> {
    const outcome = await this.exchange(req, site, (lease) => forwardUpgrade(req, client, lease))
    if (outcome !== undefined) refuseUpgrade(client.socket, outcome.status)
  }

  /** Runs one exchange under a lease, twice when a dead workerd was found before anything was sent. */
  private async exchange(
    req: IncomingMessage,
    { script: name, ownName }: Site,
    send: (lease: Lease) => Promise<Forwarded>,
  ): Promise<{ status: 404 | 500; text: string } | undefined> {
    const script = this.parts.store.scripts.find(name)
    if (script === undefined) return { status: 404, text: 'There is no Worker at this address.' }
    if (!script.subdomainEnabled && !ownName) {
      return { status: 404, text: 'The workers.dev address of this Worker is not enabled.' }
    }
    try {
      for (let attempt = 0; attempt < 3; attempt++) {
        const lease = await this.parts.pool.acquire(script.id, (shares) =>
          pickVersion(shares, req.headers, name),
        )
        if (lease === undefined) return { status: 404, text: 'There is no Worker at this address.' }
        const outcome = await send(lease).finally(() => lease.release())
        if (outcome === 'done') return undefined
        await lease.broken()
      }
    } catch (error) {
      this.parts.log.warn({ err: error, script: name }, 'a Worker could not be reached')
    }
    return { status: 500, text: 'The Worker could not be started.' }
  }
}
