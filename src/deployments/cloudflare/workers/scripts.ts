import { z } from 'zod'
import { CloudError } from '../errors.ts'
import type { CloudHttp } from '../http.ts'
import { type AccountPaths, orEmpty } from './paths.ts'
import type { Cloudflare } from './types.ts'

const scriptList = z.array(
  z.object({
    id: z.string(),
    migration_tag: z.string().optional(),
    has_assets: z.boolean().optional(),
  }),
)
const namespaceList = z.array(
  z.object({ id: z.string(), class: z.string().optional(), script: z.string().optional() }),
)

/** The calls about the account and its scripts. */
export function createScripts(
  http: CloudHttp,
  paths: AccountPaths,
): Pick<Cloudflare, 'verifyToken' | 'account' | 'scripts' | 'namespaces' | 'deleteScript' | 'subdomain'> {
  return {
    async verifyToken(signal) {
      const verified = z.object({ status: z.string() })
      try {
        return await http.read(verified, { path: '/user/tokens/verify', signal })
      } catch (error) {
        // 1000 may only mean that the account owns the token, not a user.
        if (!(error instanceof CloudError) || error.code !== 1000) throw error
        return http.read(verified, { path: `${paths.account}/tokens/verify`, signal })
      }
    },
    account: (signal) =>
      http.read(z.object({ id: z.string(), name: z.string() }), { path: paths.account, signal }),
    async scripts(signal) {
      const list = await http.read(scriptList, { path: `${paths.workers}/scripts`, signal })
      return list.map((each) => ({
        id: each.id,
        migrationTag: each.migration_tag,
        hasAssets: each.has_assets ?? false,
      }))
    },
    async namespaces(signal) {
      const path = `${paths.workers}/durable_objects/namespaces?per_page=1000`
      const list = await http.read(namespaceList, { path, signal })
      return list.flatMap((each) =>
        each.class !== undefined && each.script !== undefined
          ? [{ id: each.id, class: each.class, script: each.script }]
          : [],
      )
    },
    async deleteScript(script, signal) {
      const call = { method: 'DELETE' as const, path: `${paths.script(script)}?force=true`, signal }
      await orEmpty(http.write(z.unknown(), call), undefined)
    },
    async subdomain(signal) {
      const found = z.object({ subdomain: z.string() })
      const call = http.read(found, { path: `${paths.workers}/subdomain`, signal })
      return (await orEmpty<{ subdomain: string | undefined }>(call, { subdomain: undefined })).subdomain
    },
  }
}
