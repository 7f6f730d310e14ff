import { z } from 'zod'
import type { CloudHttp } from '../http.ts'

/** The public addresses of a script at workers.dev. */
export interface ScriptSubdomain {
  /** Whether `<script>.<subdomain>.workers.dev` answers. */
  enabled: boolean
  /** Whether each version has a preview URL of its own. */
  previewsEnabled: boolean
}

/** The calls for settings that belong to a script as opposed to its versions. */
export interface ScriptSettings {
  scriptSubdomain(script: string, signal: AbortSignal): Promise<ScriptSubdomain>
  setScriptSubdomain(script: string, wanted: ScriptSubdomain, signal: AbortSignal): Promise<void>
  /** Settings by name: logpush, observability, tags, tail_consumers. */
  scriptSettings(script: string, signal: AbortSignal): Promise<Record<string, unknown>>
}

const subdomainFlags = z.object({ enabled: z.boolean(), previews_enabled: z.boolean().default(false) })
const settingList = z.object({
  logpush: z.unknown().optional(),
  observability: z.unknown().optional(),
  tags: z.unknown().optional(),
  tail_consumers: z.unknown().optional(),
})

/** @param scriptPath the path of a script below the API's base. */
export function createScriptSettings(
  http: CloudHttp,
  scriptPath: (script: string) => string,
): ScriptSettings {
  return {
    async scriptSubdomain(script, signal) {
      const found = await http.read(subdomainFlags, { path: `${scriptPath(script)}/subdomain`, signal })
      return { enabled: found.enabled, previewsEnabled: found.previews_enabled }
    },
    async setScriptSubdomain(script, { enabled, previewsEnabled }, signal) {
      const path = `${scriptPath(script)}/subdomain`
      // Both flags are sent, because the cloud derives an omitted one from the other.
      const json = { enabled, previews_enabled: previewsEnabled }
      await http.write(z.unknown(), { method: 'POST', path, json, signal })
    },
    scriptSettings: (script, signal) =>
      http.read(settingList, { path: `${scriptPath(script)}/script-settings`, signal }),
  }
}
