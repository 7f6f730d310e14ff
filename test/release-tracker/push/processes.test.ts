import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTcpProxy } from '../../helpers/tcp-proxy.ts'
import { until } from '../../helpers/until.ts'
import { type FakeCluster, startFakeCluster } from '../collection/fake-cluster.ts'
import { apiKeys, secrets } from '../harness.ts'
import { type Installation, startInstallation } from './processes.ts'

interface Slave {
  installation: Installation
  cluster: FakeCluster
  proxy: Awaited<ReturnType<typeof startTcpProxy>>
  client: string
}

const patience = { timeoutMs: 60_000 }

/** One master and two slaves, each as processes of their own on a database of their own. */
describe('a master and two slaves', () => {
  let folder: string
  let master: Installation
  let slaves: Slave[] = []
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'capstan-slaves-'))
    master = await startInstallation({ MODE: 'master', API_KEYS: apiKeys })
    slaves = await Promise.all([startSlave('acme', secrets.acme), startSlave('other', secrets.other)])
  }, 180_000)
  afterAll(async () => {
    for (const { installation, cluster, proxy } of slaves) {
      await installation.stop()
      await proxy.cut().catch(() => undefined)
      await cluster.stop()
    }
    await master?.stop()
    rmSync(folder, { recursive: true, force: true })
  }, 60_000)

  async function startSlave(client: string, key: string): Promise<Slave> {
    const cluster = await startFakeCluster()
    cluster.addNamespace('shop')
    const kubeconfig = join(folder, client)
    writeFileSync(kubeconfig, JSON.stringify(cluster.kubeconfig()))
    for (const name of ['web', 'api']) apply(cluster, name, '1')
    const proxy = await startTcpProxy(master.url)
    const installation = await startInstallation({
      ...{ MODE: 'slave', API_KEYS: apiKeys, CLIENT_NAME: client, ENV_NAME: 'prod' },
      ...{ MASTER_URL: proxy.url, MASTER_API_KEY: key, NAMESPACES: 'shop', KUBECONFIG: kubeconfig },
    })
    return { installation, cluster, proxy, client }
  }
  const apply = (cluster: FakeCluster, name: string, tag: string) => {
    cluster.apply('Deployment', 'shop', name, {
      containers: [{ name: 'app', image: `r.example.org/${name}:${tag}` }],
    })
    cluster.settle('shop')
  }
  const ask = async (url: string, path: string, method = 'GET') => {
    const headers = { authorization: `Bearer ${secrets.admin}` }
    const answer = await fetch(url + path, { method, headers })
    return (await answer.json()) as Record<string, never>
  }
  /** A collection from its request to its end. */
  async function collect({ installation: { url } }: Slave) {
    const { jobId } = await ask(url, '/api/collect', 'POST')
    await until(async () => (await ask(url, `/jobs/${jobId}`)).state === ('completed' as never), patience)
  }
  async function query(installation: Installation, sql: string, values: unknown[] = []) {
    const db = new Client({ connectionString: installation.database.url })
    await db.connect()
    try {
      return (await db.query(sql, values)).rows
    } finally {
      await db.end()
    }
  }
  const history = (installation: Installation, client: string) =>
    query(
      installation,
      `select s.namespace, c.kind, c.workload, c.container, i.image_tag, i.image_sha, i.first_seen, i.ended, i.ended_at,
         case when i.ended is null and c.watched then greatest(i.last_seen, s.last_seen) else i.last_seen end as last_seen
       from tracker_intervals i join tracker_components c on c.id = i.component_id
       join tracker_scopes s on s.id = c.scope_id where s.client_name = $1
       order by 1, 2, 3, 4, i.first_seen`,
      [client],
    )
  async function isEqual({ installation, client }: Slave): Promise<boolean> {
    const [here, there] = await Promise.all([history(installation, client), history(master, client)])
    return JSON.stringify(here) === JSON.stringify(there)
  }
  const arrived = (slave: Slave) =>
    until(() => isEqual(slave), { ...patience, what: `${slave.client} has arrived` })

  it('have the same history after the first scheduled collection and after a requested one', async () => {
    for (const slave of slaves) {
      await until(async () => (await history(slave.installation, slave.client)).length === 2, {
        ...patience,
        what: 'the first collection came by its schedule',
      })
      await arrived(slave)
      apply(slave.cluster, 'web', '2')
      await collect(slave)
      await arrived(slave)
    }
    const { clients_environments, ping_statuses, statistics } = await ask(
      master.url,
      '/api/clients-environments',
    )
    expect(clients_environments).toEqual({ acme: ['prod'], other: ['prod'] })
    expect(statistics).toEqual({ total_clients: 2, total_environments: 2, total_releases: 4 })
    await until(async () => (await query(master, 'select * from tracker_pings')).length === 2, patience)
    expect(ping_statuses).toMatchObject({ acme: { prod: {} }, other: { prod: {} } })
  }, 120_000)

  it('lose nothing during an outage of the connection', async () => {
    const [cut, other] = slaves as [Slave, Slave]
    await cut.proxy.cut()
    for (const tag of ['3', '4', '3']) {
      apply(cut.cluster, 'web', tag)
      await collect(cut)
    }
    cut.cluster.delete('Deployment', 'shop', 'api')
    await collect(cut)
    apply(other.cluster, 'web', '9')
    await collect(other)
    await arrived(other)
    expect(await isEqual(cut)).toBe(false)
    await cut.proxy.restore()
    await arrived(cut)
    const web = (await history(master, 'acme')).filter(({ workload }) => workload === 'web')
    expect(web.map(({ image_tag, ended }) => `${image_tag} ${ended}`)).toEqual([
      ...['1 replaced', '2 replaced', '3 replaced', '4 rolled-back', '3 null'],
    ])
    const events = await query(
      master,
      "select data->>'image_tag' as tag from events where stream = 'releases:acme' and type = 'release' and data->>'workload_name' = 'web' order by seq",
    )
    expect(events.map(({ tag }) => tag)).toEqual(['1', '2', '3', '4', '3'])
  }, 120_000)

  it('lose nothing when the master dies in the middle of a batch', async () => {
    const [slave] = slaves as [Slave]
    const holder = new Client({ connectionString: master.database.url })
    await holder.connect()
    // The batch waits for this row with half of its work done.
    await holder.query('begin')
    await holder.query("select * from tracker_scopes where client_name = 'acme' for update")
    apply(slave.cluster, 'web', '5')
    await collect(slave)
    await until(
      async () =>
        (
          await query(
            master,
            "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()",
          )
        ).length > 0,
      { ...patience, what: 'the batch waits' },
    )
    await master.end('web', 'SIGKILL')
    await holder.query('rollback')
    await holder.end()
    expect(await isEqual(slave)).toBe(false)
    await master.startWeb()
    await arrived(slave)
    const open = (await history(master, 'acme')).filter(({ ended }) => ended === null)
    expect(open.map(({ workload, image_tag }) => `${workload} ${image_tag}`)).toEqual(['web 5'])
  }, 120_000)

  it('lose nothing when a slave dies after its push, before it has recorded the acknowledgement', async () => {
    const [slave] = slaves as [Slave]
    const { installation } = slave
    await slave.proxy.cut()
    apply(slave.cluster, 'web', '6')
    await collect(slave)
    const holder = new Client({ connectionString: installation.database.url })
    await holder.connect()
    await holder.query('begin')
    await holder.query('select * from tracker_outbox for update')
    await slave.proxy.restore()
    const isWaitingForLock =
      "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    await until(
      async () => (await query(installation, isWaitingForLock)).length > 0 && (await isEqual(slave)),
      { ...patience, what: 'the master has stored the push, and the slave is about to record that' },
    )
    await installation.end('worker', 'SIGKILL')
    await holder.query('rollback')
    await holder.end()
    installation.startWorker()
    const unacknowledged = 'select 1 from tracker_outbox where acknowledged is distinct from sequence'
    await until(async () => (await query(installation, unacknowledged)).length === 0, {
      ...patience,
      what: 'the push was repeated and acknowledged',
    })
    await arrived(slave)
    expect(await query(installation, 'select * from tracker_waiting')).toEqual([])
  }, 120_000)

  it('show no key in any line that they wrote', () => {
    for (const { output } of [master, ...slaves.map(({ installation }) => installation)]) {
      const text = output.join('')
      expect(text).toContain('key 2: client of acme')
      for (const secret of Object.values(secrets)) expect(text).not.toContain(secret)
    }
  })
})
