import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Knex } from 'knex'
import { linkRoutes } from '../../src/binary-releases/object-store/files/link-routes.ts'
import { createLinkSigner } from '../../src/binary-releases/object-store/files/signed-links.ts'
import { createFileStore } from '../../src/binary-releases/object-store/files/store.ts'
import type { ObjectStore } from '../../src/binary-releases/object-store/index.ts'
import { createS3Store } from '../../src/binary-releases/object-store/s3/store.ts'
import { createHttpApp } from '../../src/platform/http/app.ts'
import { mount } from '../../src/platform/http/routing/router.ts'
import { silent } from '../helpers/context.ts'
import { startR2 } from './r2-server.ts'

export interface TestStore {
  store: ObjectStore
  /** Advances the clock of signed links, for a store that signs with this process's clock. */
  wait?: (ms: number) => void
  stop(): Promise<void>
}

/** Both implementations, configured as in an installation. */
export const testStores: Record<'bucket' | 'folder', () => Promise<TestStore>> = {
  async bucket() {
    const server = await startR2()
    return { store: createS3Store(server.config), stop: () => server.stop() }
  },

  /** Includes the routes that its links point to. */
  async folder() {
    const root = mkdtempSync(join(tmpdir(), 'capstan-store-'))
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const publicUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    let ahead = 0
    const now = () => Date.now() + ahead
    const links = createLinkSigner({ publicUrl, secret: Buffer.from(randomUUID()), now })
    const store = createFileStore({ root, links })
    const routes = linkRoutes({ root, links, partSize: store.limits.part })
    const router = mount(routes, {
      db: noDatabase,
      version: 'test',
      authenticate: async () => undefined,
      limits,
    })
    server.on('request', createHttpApp({ log: silent, trustedProxies: [], secure: false, routers: [router] }))
    return {
      store,
      wait: (ms) => {
        ahead += ms
      },
      async stop() {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
        rmSync(root, { recursive: true, force: true })
      },
    }
  },
}

const limits = { charge: async () => undefined }
const noDatabase = undefined as unknown as Knex
