import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { clusterAt } from '../../../src/release-tracker/kubernetes/client.ts'
import { kubernetesContract } from '../contract.ts'
import { type FakeCluster, startFakeCluster } from './fake-cluster.ts'

const run = promisify(execFile)
const hasKubectl = spawnSync('kubectl', ['version', '--client']).status === 0

if (!hasKubectl) console.info('SKIPPED: kubectl is not installed (Debian: kubernetes-client)')

describe('the cluster that tests use', () => {
  let cluster: FakeCluster
  let folder: string
  let kubeconfig: string
  let open: ReturnType<typeof clusterAt>
  beforeAll(async () => {
    cluster = await startFakeCluster()
    folder = mkdtempSync(join(tmpdir(), 'capstan-cluster-'))
    kubeconfig = join(folder, 'kubeconfig')
    write()
    open = clusterAt({ kind: 'kubeconfig', files: [kubeconfig] })
    cluster.addNamespace('shop')
    cluster.addNamespace('empty')
    cluster.apply('Deployment', 'shop', 'web', { replicas: 2 })
    cluster.apply('StatefulSet', 'shop', 'db')
    cluster.apply('DaemonSet', 'shop', 'agent')
    cluster.apply('CronJob', 'shop', 'cron')
    cluster.apply('Job', 'shop', 'once')
    cluster.settle('shop')
    cluster.succeed(cluster.runCronJob('shop', 'cron'))
    for (let n = 0; n < 1100; n++) cluster.barePod('big', `pod-${String(n).padStart(4, '0')}`)
    cluster.apply('Deployment', 'shop', 'broken')
    for (const pod of cluster.newPods('shop', 'broken')) cluster.fail(pod, 'CrashLoopBackOff')
  })
  afterAll(async () => {
    await cluster?.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  afterEach(() => {
    cluster.open = false
    cluster.rules.length = 0
  })

  const write = () => writeFileSync(kubeconfig, JSON.stringify(cluster.kubeconfig()))
  const clusterOf = (...files: string[]) => clusterAt({ kind: 'kubeconfig', files })()
  const signal = () => AbortSignal.timeout(60_000)
  async function read(namespace: string) {
    const client = open()
    try {
      return await client.read(namespace, signal())
    } finally {
      await client.close()
    }
  }

  it('speaks as Kubernetes describes it, and is asked as Kubernetes allows', async () => {
    const contract = kubernetesContract()
    cluster.requests.length = 0
    await read('shop')
    await read('big')
    cluster.rules.push({ path: 'deployments', answer: 'forbidden', times: 1 })
    await read('shop').catch(() => undefined)
    expect(cluster.requests.length).toBeGreaterThan(14)
    const violations: string[] = []
    // The description that is kept here leaves these two lists out.
    const described = cluster.requests.filter(
      (line) => !/replicationcontrollers|controllerrevisions/.test(line),
    )
    for (const line of new Set([...described, 'GET /api/v1/nodes?limit=500'])) {
      const [method = '', url = ''] = line.split(' ')
      const answer = await fetch(cluster.url + url, {
        headers: { authorization: `Bearer ${cluster.token}` },
      })
      violations.push(
        ...contract.violations({ method, url }, { status: answer.status, body: await answer.json() }),
      )
    }
    expect(violations).toEqual([])
    const broken = contract.violations(
      { method: 'GET', url: '/api/v1/pods?colour=red' },
      { status: 200, body: { items: 1 } },
    )
    expect(broken.length).toBeGreaterThan(1)
  })

  it.skipIf(!hasKubectl)('is understood by kubectl', async () => {
    cluster.open = true
    const get = async (...args: string[]) => {
      // Its own cache of what there is would outlive this cluster.
      const all = ['--kubeconfig', kubeconfig, '--cache-dir', join(folder, 'cache'), 'get', ...args]
      return (await run('kubectl', all, { timeout: 30_000 })).stdout.trim()
    }
    expect(await get('deployments', '-n', 'shop', '-o', 'name')).toBe(
      'deployment.apps/broken\ndeployment.apps/web',
    )
    expect((await get('pods', '-n', 'big', '--chunk-size=300', '-o', 'name')).split('\n')).toHaveLength(1100)
    const owned = await get(
      'pods',
      '-n',
      'shop',
      '-o',
      'jsonpath={.items[*].metadata.ownerReferences[0].kind}',
    )
    expect(owned.split(' ').toSorted()).toEqual(
      ['DaemonSet', 'Job', 'Job', 'ReplicaSet', 'ReplicaSet', 'ReplicaSet', 'StatefulSet'].toSorted(),
    )
    expect(
      await get('cronjobs,jobs,statefulsets,daemonsets,replicasets', '-n', 'shop', '-o', 'name'),
    ).toContain('cronjob.batch/cron')
    cluster.rules.push({ path: 'pods', answer: 'forbidden' })
    await expect(get('pods', '-n', 'shop')).rejects.toThrow(/may not list/)
  })

  it('is read with a fixed number of lists, however much there is', async () => {
    cluster.requests.length = 0
    const { pods, workloads } = await read('shop')
    expect(pods).toHaveLength(7)
    expect(workloads.length).toBeGreaterThan(6)
    expect(cluster.requests.map((each) => each.split('?')[0]).toSorted()).toEqual([
      'GET /api/v1/namespaces/shop/pods',
      'GET /api/v1/namespaces/shop/replicationcontrollers',
      'GET /apis/apps/v1/namespaces/shop/controllerrevisions',
      'GET /apis/apps/v1/namespaces/shop/daemonsets',
      'GET /apis/apps/v1/namespaces/shop/deployments',
      'GET /apis/apps/v1/namespaces/shop/replicasets',
      'GET /apis/apps/v1/namespaces/shop/statefulsets',
      'GET /apis/batch/v1/namespaces/shop/cronjobs',
      'GET /apis/batch/v1/namespaces/shop/jobs',
    ])
  })

  it('is read page by page, each object once', async () => {
    cluster.requests.length = 0
    const { pods } = await read('big')
    expect(new Set(pods.map(({ name }) => name)).size).toBe(1100)
    expect(pods).toHaveLength(1100)
    expect(cluster.requests.filter((each) => each.includes('pods'))).toHaveLength(3)
  })

  it('is read again from the beginning when a continuation has expired', async () => {
    const gone = { path: 'pods', answer: 'gone' as const, times: 1 }
    cluster.rules.push(gone)
    expect((await read('big')).pods).toHaveLength(1100)
    cluster.rules.push({ path: 'pods', answer: 'gone' })
    await expect(read('big')).rejects.toThrow('pods: 410')
  })

  it('says which list may not be read', async () => {
    cluster.rules.push({ path: 'cronjobs', answer: 'forbidden' })
    await expect(read('shop')).rejects.toThrow('cronjobs: 403, not permitted')
  })

  it('is read less exactly when optional lists are not permitted, and says so', async () => {
    for (const path of ['replicationcontrollers', 'controllerrevisions'])
      cluster.rules.push({ path, answer: 'forbidden' })
    const client = open()
    expect((await client.read('shop', signal())).pods).toHaveLength(7)
    expect(client.withheld()).toEqual([
      'replicationcontrollers: 403, not permitted',
      'controllerrevisions: 403, not permitted',
    ])
    await client.close()
  })

  it('is asked again with fresh credentials when they were refused', async () => {
    const client = open()
    await client.read('shop', signal())
    cluster.token = 'a-new-token'
    write()
    expect((await client.read('shop', signal())).pods).toHaveLength(7)
    cluster.rules.push({ path: '', answer: 'unauthorized' })
    await expect(client.read('shop', signal())).rejects.toThrow('401, the credentials are refused')
    await client.close()
  })

  it('is waited for when it is slow, and asked again when it stumbles', async () => {
    cluster.rules.push({ path: 'deployments', answer: 'slow', times: 1 })
    cluster.rules.push({ path: 'statefulsets', answer: 'broken', times: 1 })
    expect((await read('shop')).pods).toHaveLength(7)
  })

  it('is not believed when it does not answer with a list', async () => {
    cluster.rules.push({ path: 'jobs', answer: 'html', times: 1 })
    await expect(read('shop')).rejects.toThrow('jobs: the answer is not JSON')
  })

  it('is left at once when the run is over', async () => {
    const ending = new AbortController()
    const client = open()
    ending.abort(new Error('the run is over'))
    await expect(client.read('shop', ending.signal)).rejects.toThrow('the run is over')
    await client.close()
  })

  it('is not there without a readable kubeconfig, and the fault shows nothing of it', async () => {
    const client = clusterOf(join(folder, 'nothing'))
    await expect(client.namespaces(signal())).rejects.toThrow('KUBECONFIG could not be read')
    await client.close()
  })
})
