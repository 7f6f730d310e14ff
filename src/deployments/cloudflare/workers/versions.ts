import { z } from 'zod'
import { fingerprintOf } from '../binding-fingerprint.ts'
import type { CloudCall, CloudHttp } from '../http.ts'
import { retryUntilVisible } from '../retry-until-visible.ts'
import { type AccountPaths, orEmpty } from './paths.ts'
import type { Cloudflare } from './types.ts'

const annotations = z
  .object({ 'workers/tag': z.string().optional(), 'workers/triggered_by': z.string().optional() })
  .optional()
const versionList = z.object({
  items: z.array(
    z.object({
      id: z.string(),
      number: z.number(),
      annotations,
      metadata: z.object({ created_on: z.string() }),
    }),
  ),
})
const deploymentList = z.object({
  deployments: z.array(
    z.object({
      id: z.string(),
      annotations: z.object({ 'workers/message': z.string().optional() }).optional(),
      versions: z.array(z.object({ version_id: z.string(), percentage: z.number() })),
    }),
  ),
})
const versionDetail = z.object({
  resources: z.object({
    bindings: z
      .array(
        z.looseObject({
          type: z.string(),
          name: z.string(),
          class_name: z.string().optional(),
          script_name: z.string().optional(),
        }),
      )
      .default([]),
    script: z.object({ handlers: z.array(z.string()).optional() }).optional(),
    script_runtime: z
      .object({
        compatibility_date: z.string().optional(),
        compatibility_flags: z.array(z.string()).optional(),
        limits: z.record(z.string(), z.unknown()).optional(),
      })
      .optional(),
  }),
})
const placed = z.object({ placement: z.record(z.string(), z.unknown()).nullish() })
/** The fields of a placement that an upload may contain; the others are findings of the cloud. */
const placementFields = ['mode', 'hint', 'region', 'host', 'hostname', 'target']

/** The calls about versions and their traffic. */
export function createVersions(
  http: CloudHttp,
  paths: AccountPaths,
): Pick<Cloudflare, 'versions' | 'deployments' | 'version' | 'placement' | 'deploy'> {
  return {
    async versions(script, signal) {
      const call: CloudCall = { path: `${paths.script(script)}/versions?per_page=100`, signal }
      const list = await orEmpty(http.read(versionList, call), { items: [] })
      return list.items.map((each) => ({
        id: each.id,
        number: each.number,
        tag: each.annotations?.['workers/tag'],
        createdOn: each.metadata.created_on,
        secretChange: each.annotations?.['workers/triggered_by'] === 'secret',
      }))
    },
    async deployments(script, signal) {
      const call: CloudCall = { path: `${paths.script(script)}/deployments`, signal }
      const list = await orEmpty(http.read(deploymentList, call), { deployments: [] })
      return list.deployments.map((each) => ({
        id: each.id,
        message: each.annotations?.['workers/message'],
        versions: each.versions.map((v) => ({ versionId: v.version_id, percentage: v.percentage })),
      }))
    },
    async version(script, versionId, signal) {
      const call: CloudCall = { path: `${paths.script(script)}/versions/${versionId}`, signal }
      const {
        bindings,
        script: code,
        script_runtime: runtime,
      } = (await http.read(versionDetail, call)).resources
      return {
        bindings: bindings.map((binding) => ({
          type: binding.type,
          name: binding.name,
          className: binding.class_name,
          scriptName: binding.script_name,
          fingerprint: fingerprintOf(binding),
        })),
        compatibility: { date: runtime?.compatibility_date, flags: runtime?.compatibility_flags ?? [] },
        handlers: code?.handlers,
        limits: runtime?.limits,
      }
    },
    async placement(script, signal) {
      const { placement } = await http.read(placed, { path: `${paths.script(script)}/settings`, signal })
      const fields = Object.entries(placement ?? {}).filter(([name]) => placementFields.includes(name))
      return fields.length === 0 ? undefined : Object.fromEntries(fields)
    },
    async deploy(script, { traffic, message, force }, signal) {
      const body = {
        strategy: 'percentage',
        versions: traffic.map(({ versionId, percentage }) => ({ version_id: versionId, percentage })),
        annotations: { 'workers/message': message },
      }
      const path = `${paths.script(script)}/deployments${force ? '?force=true' : ''}`
      const deploy = () => http.write(z.unknown(), { method: 'POST', path, json: body, signal })
      await retryUntilVisible(deploy, signal)
    },
  }
}
