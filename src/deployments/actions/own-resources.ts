import type { Knex } from 'knex'
import type { Principal } from '../../platform/auth.ts'
import { forbidden } from '../../platform/errors.ts'
import type { Environment } from '../config.ts'
import { provisionedType } from '../model/request/bindings.ts'
import type { PrepareConfig } from '../model/request/config.ts'
import { environment as environments } from '../model/request/names.ts'
import { givenId } from '../model/request/resources.ts'
import type { Target, Targets } from '../targets/targets.ts'

interface Accounts extends Pick<Targets, 'sourceOf'> {
  of(environment: Environment): Promise<Pick<Target, 'accountId'>>
}

/**
 * Refuses a plan that would reach the resources or Workers of an environment that the principal may not deploy to. Both
 * environments may share an account, where an id or a name is enough to bind a resource, to migrate it, or to call a Worker.
 * @throws ACCESS_003, with the environment, the missing permission and the bindings
 */
export async function requireOwnResources(
  { db, targets }: { db: Knex; targets: Accounts },
  principal: Principal,
  plan: { environment: Environment; config: PrepareConfig; target: Pick<Target, 'accountId'> },
): Promise<void> {
  const used = usedBy(plan.config)
  if (used.size === 0) return
  for (const environment of environments.options) {
    const permission = `deployments:write:${environment}` as const
    if (environment === plan.environment || principal.permissions.has(permission)) continue
    if (!(await mayShareAccount(targets, environment, plan.target))) continue
    const taken = await deployedWith(db, environment, [...used.keys()])
    if (taken.length === 0) continue
    const bindings = taken.map((identity) => used.get(identity))
    throw forbidden(
      `${bindings.join(', ')}: belongs to ${environment}, and the permission to change deployments there is missing`,
      { details: { environment, permission, bindings } },
    )
  }
}

/** What a plan reaches beyond its own Worker, as `type:id`, `type:name` and `script:name`, with the binding's name. */
function usedBy({ bindings = [], queueConsumers = [] }: PrepareConfig): Map<string, string> {
  const used = new Map<string, string>()
  for (const binding of bindings) {
    const type = provisionedType(binding.type)
    const id = givenId(binding) ?? binding.provision?.name
    if (type !== undefined && id !== undefined) used.set(`${type}:${id}`, binding.name)
    const script = binding.type === 'service' ? binding.service : binding.script_name
    if (typeof script === 'string') used.set(`script:${script}`, binding.name)
  }
  for (const { queue } of queueConsumers) used.set(`queue:${queue}`, queue)
  return used
}

/** True also for an environment without credentials: its deployments may have been made in any account. */
async function mayShareAccount(
  targets: Accounts,
  environment: Environment,
  { accountId }: Pick<Target, 'accountId'>,
): Promise<boolean> {
  if ((await targets.sourceOf(environment)) === undefined) return true
  return (await targets.of(environment)).accountId === accountId
}

/** Those of the identities that belong to deployments of an environment. */
async function deployedWith(db: Knex, environment: Environment, identities: string[]): Promise<string[]> {
  const { rows } = await db.raw(
    `select distinct identity
     from deployments d
     join plans p on p.id = d.id
     cross join lateral (
       select 'script:' || (p.config ->> 'script')
       union all
       select (b ->> 'type') || ':' || coalesce(b ->> 'namespace_id', b ->> 'id', b ->> 'bucket_name',
         b ->> 'queue_name', b ->> 'namespace', b -> 'provision' ->> 'name')
       from jsonb_array_elements(coalesce(p.config -> 'bindings', '[]')) b
       union all
       select 'queue:' || (c ->> 'queue') from jsonb_array_elements(coalesce(p.config -> 'queueConsumers', '[]')) c
       union all
       select (r.value ->> 'type') || ':' || (r.value ->> 'id') from jsonb_each(coalesce(d.resources, '{}')) r
     ) as found (identity)
     where p.environment = ? and identity = any(?)`,
    [environment, identities],
  )
  return rows.map(({ identity }: { identity: string }) => identity)
}
