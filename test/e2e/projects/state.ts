import { z } from 'zod'

/** A local cloud of a test, in this or another process. */
export interface Place {
  url: string
  port: number
  token: string
  accountId: string
}

/** What an account contains: by kind, then by name. */
export type State = Record<string, Record<string, unknown>>

const thing = z.looseObject({})
const things = z.array(thing)
type Thing = z.output<typeof thing>
const answer = z.object({ success: z.boolean(), result: z.unknown(), errors: z.unknown() })
const deploymentList = z.object({
  deployments: z.array(
    z.object({ versions: z.array(z.object({ version_id: z.string(), percentage: z.number() })) }),
  ),
})

/** Reads the state of an account through Cloudflare's API, as any client would. Resources are named in place of their ids. */
export async function readState(place: Place): Promise<State> {
  const ask = async (path: string, json?: object): Promise<unknown> => {
    const response = await fetch(`${place.url}/client/v4${path}`, {
      headers: { authorization: `Bearer ${place.token}`, 'content-type': 'application/json' },
      ...(json === undefined ? {} : { method: 'POST', body: JSON.stringify(json) }),
    })
    const { success, result, errors } = answer.parse(await response.json())
    return success ? result : { refused: errors }
  }
  const account = `/accounts/${place.accountId}`
  const list = async (path: string) => things.parse(await ask(path))
  const [scripts, namespaces, databases, queues, objects, domains, applications, zones, workflows] =
    await Promise.all([
      list(`${account}/workers/scripts`),
      list(`${account}/storage/kv/namespaces?per_page=100`),
      list(`${account}/d1/database?per_page=100`),
      list(`${account}/queues?per_page=100`),
      list(`${account}/workers/durable_objects/namespaces`),
      list(`${account}/workers/domains`),
      list(`${account}/containers/applications`),
      list('/zones'),
      list(`${account}/workflows?per_page=100`).catch(() => []),
    ])
  const { buckets } = z.object({ buckets: things }).parse(await ask(`${account}/r2/buckets?per_page=100`))

  const state = {
    worker: await byName(scripts, 'id', ({ id }) => readWorker(ask, `${account}/workers/scripts/${id}`)),
    'KV namespace': await byName(namespaces, 'title', async (each) => each),
    'R2 bucket': await byName(buckets, 'name', async (each) => each),
    'D1 database': await byName(databases, 'name', async ({ uuid }) => {
      const query = (sql: string) => ask(`${account}/d1/database/${uuid}/query`, { sql })
      return {
        tables: rowsOf(
          await query("select name, sql from sqlite_master where name not like 'sqlite%' order by name"),
        ),
        applied: await Promise.all(
          // A project may name the table of its migrations.
          ['d1_migrations', 'applied'].map(async (table) =>
            rowsOf(await query(`select name from ${table} order by id`)),
          ),
        ),
      }
    }),
    queue: await byName(queues, 'queue_name', async (each) => ({
      ...each,
      consumers: await ask(`${account}/queues/${each.queue_id}/consumers`),
    })),
    workflow: await byName(workflows, 'name', async (each) => each),
    'Durable Object': await byName(objects, 'name', async (each) => each),
    'custom domain': await byName(domains, 'hostname', async (each) => each),
    container: await byName(applications, 'name', async (each) => each),
    zone: await byName(zones, 'name', async ({ id }) => ({
      routes: await ask(`/zones/${id}/workers/routes`),
      records: await ask(`/zones/${id}/dns_records`),
    })),
  }
  const ids: [unknown, string][] = [
    ...namespaces.map(({ id, title }): [unknown, string] => [id, `KV namespace ${title}`]),
    ...databases.map(({ uuid, name }): [unknown, string] => [uuid, `D1 database ${name}`]),
    ...queues.map(({ queue_id: id, queue_name: name }): [unknown, string] => [id, `queue ${name}`]),
    ...objects.map(({ id, name }): [unknown, string] => [id, `Durable Object ${name}`]),
  ]
  return mapped(state, (value) => new Map(ids).get(value) ?? value)
}

type Ask = (path: string) => Promise<unknown>

async function readWorker(ask: Ask, path: string) {
  const { deployments } = deploymentList.parse(await ask(`${path}/deployments`))
  const serving = deployments[0]?.versions ?? []
  return {
    versions: await Promise.all(serving.map((each) => ask(`${path}/versions/${each.version_id}`))),
    shares: serving.map(({ percentage }) => percentage),
    settings: await ask(`${path}/settings`),
    scriptSettings: await ask(`${path}/script-settings`),
    schedules: await ask(`${path}/schedules`),
    subdomain: await ask(`${path}/subdomain`),
    secrets: await ask(`${path}/secrets`),
  }
}

async function byName(
  list: Thing[],
  key: string,
  read: (each: Thing) => Promise<unknown>,
): Promise<Record<string, unknown>> {
  const entries = await Promise.all(list.map(async (each) => [String(each[key]), await read(each)] as const))
  return Object.fromEntries(entries.toSorted(([one], [other]) => (one < other ? -1 : 1)))
}

const results = z.array(z.object({ results: z.array(z.record(z.string(), z.unknown())) }))

/** The rows of a query, without the layout of statements; none for a table that does not exist. */
function rowsOf(answered: unknown): unknown {
  const [first] = results.safeParse(answered).data ?? []
  const plain = (text: unknown) =>
    typeof text === 'string'
      ? text
          .replaceAll('"', '')
          .replace(/\s+/g, ' ')
          .replace(/ ?([(),]) ?/g, '$1')
      : text
  return (first?.results ?? []).map((row) =>
    Object.fromEntries(Object.entries(row).map(([column, value]) => [column, plain(value)])),
  )
}

/** Ids and times, which no two deployments have in common. */
const incidental =
  /^(id|.*_id|.*_on|.*_at|uuid|tag|number|.*_time_ms|file_size|num_tables|etag_of|creation_date|namespace_tag|version|producers.*)$/

/** A copy without ids and times, and with every text replaced. */
function mapped<T>(value: T, replace: (text: unknown) => unknown): T
function mapped(value: unknown, replace: (text: unknown) => unknown): unknown {
  if (typeof value === 'string') return replace(value)
  if (Array.isArray(value)) return value.map((each) => mapped(each, replace))
  if (typeof value !== 'object' || value === null) return value
  const kept = Object.entries(value).flatMap(([key, each]) => {
    const shown = mapped(each, replace)
    // An id that became a name says which resource is bound.
    return incidental.test(key) && shown === each ? [] : [[key, shown] as const]
  })
  return Object.fromEntries(kept)
}

/** What was not there before. */
export function newIn(after: State, before: State): State {
  return Object.fromEntries(
    Object.entries(after).map(([kind, entries]) => [
      kind,
      Object.fromEntries(
        Object.entries(entries).filter(
          ([name, value]) => JSON.stringify(value) !== JSON.stringify(before[kind]?.[name]),
        ),
      ),
    ]),
  )
}
