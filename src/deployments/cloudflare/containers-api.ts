import { z } from 'zod'
import type { ContainerSpec } from '../model/app-state.ts'
import type { Size } from '../model/instance-types.ts'
import type { CloudHttp } from './http.ts'

export interface ContainerApplication extends ContainerSpec {
  id: string
  name: string
  namespaceId: string | undefined
  activeRolloutId: string | undefined
}

export interface ContainerRollout {
  id: string
  status: string
  description: string
  image: string | undefined
}

export interface PushLogin {
  /** The host of the account's registry. */
  host: string
  username: string
  password: string
}

/** The calls of Cloudflare's containers API that deployments need, for one account. */
export interface ContainerApi {
  /** The limits of one container (`each`) and of all together (`total`), and what existing ones use. */
  limits(signal: AbortSignal): Promise<{ each: Size; total: Size; used: Size }>
  applications(signal: AbortSignal): Promise<ContainerApplication[]>
  create(
    application: ContainerSpec & { name: string; namespaceId: string },
    signal: AbortSignal,
  ): Promise<ContainerApplication>
  setMaxInstances(id: string, maxInstances: number, signal: AbortSignal): Promise<void>
  remove(id: string, signal: AbortSignal): Promise<void>
  startRollout(
    id: string,
    rollout: ContainerSpec & { description: string },
    signal: AbortSignal,
  ): Promise<ContainerRollout>
  rollout(ids: { id: string; rolloutId: string }, signal: AbortSignal): Promise<ContainerRollout>
  revert(ids: { id: string; rolloutId: string }, signal: AbortSignal): Promise<void>
  /** Credentials for the account's own registry, valid for 15 minutes. */
  registryLogin(signal: AbortSignal): Promise<PushLogin>
}

const managedDomain = 'registry.cloudflare.com'
const loginMinutes = 15

const configuration = z.object({ image: z.string().optional(), instance_type: z.string().optional() })
const application = z.object({
  id: z.string(),
  name: z.string(),
  max_instances: z.number().default(0),
  configuration: configuration.optional(),
  durable_objects: z.object({ namespace_id: z.string().optional() }).optional(),
  active_rollout_id: z.string().nullish(),
})
const rollout = z.object({
  id: z.string(),
  status: z.string(),
  description: z.string().default(''),
  target_configuration: configuration.optional(),
})
const amounts = z.object({ vcpus: z.number(), memory_mib: z.number(), disk_mb: z.number() }).partial()
const usage = z.object({ usage: amounts })
const me = z.object({
  limits: z.object({
    vcpu_per_deployment: z.number(),
    memory_mib_per_deployment: z.number(),
    disk_mb_per_deployment: z.number(),
    total_vcpu: z.number(),
    total_memory_mib: z.number(),
    total_disk_mb: z.number(),
  }),
})
const credentials = z.object({ registry_host: z.string(), username: z.string(), password: z.string() })

export function createContainerApi(http: CloudHttp, accountId: string): ContainerApi {
  const root = `/accounts/${accountId}/containers`
  const one = (id: string) => `${root}/applications/${encodeURIComponent(id)}`
  const rolloutPath = ({ id, rolloutId }: { id: string; rolloutId: string }) =>
    `${one(id)}/rollouts/${encodeURIComponent(rolloutId)}`

  return {
    async limits(signal) {
      const [account, taken] = await Promise.all([
        http.read(me, { path: `${root}/me`, signal }),
        http.read(usage, { path: `${root}/usage`, signal }),
      ])
      const { limits } = account
      return {
        each: {
          vcpu: limits.vcpu_per_deployment,
          memoryMib: limits.memory_mib_per_deployment,
          diskMb: limits.disk_mb_per_deployment,
        },
        total: {
          vcpu: limits.total_vcpu,
          memoryMib: limits.total_memory_mib,
          diskMb: limits.total_disk_mb,
        },
        used: {
          vcpu: taken.usage.vcpus ?? 0,
          memoryMib: taken.usage.memory_mib ?? 0,
          diskMb: taken.usage.disk_mb ?? 0,
        },
      }
    },
    async applications(signal) {
      const path = `${root}/applications?per_page=1000`
      return (await http.read(z.array(application), { path, signal })).map(toApplication)
    },
    async create({ name, namespaceId, maxInstances, ...spec }, signal) {
      const json = {
        name,
        instances: 0,
        max_instances: maxInstances,
        scheduling_policy: 'default',
        configuration: configurationOf(spec),
        durable_objects: { namespace_id: namespaceId },
      }
      const path = `${root}/applications`
      return toApplication(await http.write(application, { method: 'POST', path, json, signal }))
    },
    async setMaxInstances(id, maxInstances, signal) {
      const json = { max_instances: maxInstances }
      await http.write(z.unknown(), { method: 'PATCH', path: one(id), json, signal })
    },
    async remove(id, signal) {
      await http.write(z.unknown(), { method: 'DELETE', path: one(id), signal })
    },
    async startRollout(id, { description, maxInstances, ...spec }, signal) {
      const steps = maxInstances < 2 ? [100] : [10, 100]
      const json = {
        description,
        strategy: 'rolling',
        kind: 'full_auto',
        target_configuration: configurationOf(spec),
        steps: steps.map((percentage) => ({ step_size: { percentage }, description: `${percentage} %` })),
      }
      const path = `${one(id)}/rollouts`
      return toRollout(await http.write(rollout, { method: 'POST', path, json, signal }))
    },
    rollout: async (ids, signal) => toRollout(await http.read(rollout, { path: rolloutPath(ids), signal })),
    async revert(ids, signal) {
      const json = { action: 'revert' }
      await http.write(z.unknown(), { method: 'POST', path: rolloutPath(ids), json, signal })
    },
    async registryLogin(signal) {
      const json = { expiration_minutes: loginMinutes, permissions: ['pull', 'push'] }
      const path = `${root}/registries/${managedDomain}/credentials`
      const made = await http.write(credentials, { method: 'POST', path, json, signal })
      return { host: made.registry_host, username: made.username, password: made.password }
    },
  }
}

const configurationOf = ({ image, instanceType }: Omit<ContainerSpec, 'maxInstances'>) => ({
  image,
  ...(instanceType === undefined ? {} : { instance_type: instanceType }),
})

function toApplication(found: z.output<typeof application>): ContainerApplication {
  return {
    id: found.id,
    name: found.name,
    namespaceId: found.durable_objects?.namespace_id,
    image: found.configuration?.image ?? '',
    instanceType: found.configuration?.instance_type,
    maxInstances: found.max_instances,
    activeRolloutId: found.active_rollout_id ?? undefined,
  }
}

const toRollout = (found: z.output<typeof rollout>): ContainerRollout => ({
  id: found.id,
  status: found.status,
  description: found.description,
  image: found.target_configuration?.image,
})
