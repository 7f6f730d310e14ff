import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { afterEach, expect } from 'vitest'
import { secrets, startTracker, type Tracker } from '../harness.ts'

const opened: (() => Promise<unknown>)[] = []
/** Registers the clean-up of what this file's functions start. To be called once in a test file. */
export function closeAfterEach(): void {
  afterEach(async () => {
    for (const close of opened.splice(0).reverse()) await close()
  })
}

export async function startMaster(): Promise<Tracker> {
  const master = await startTracker({ env: { MODE: 'master' } })
  opened.push(() => master.stop())
  return master
}

/** A slave of client `acme` with a fake cluster, whose jobs run when the test calls them. */
export async function startSlave(url: string, env: Record<string, string> = {}) {
  const slave = await startTracker({
    cluster: true,
    env: { MODE: 'slave', MASTER_URL: url, MASTER_API_KEY: secrets.acme, NAMESPACES: 'shop', ...env },
  })
  opened.push(() => slave.stop())
  const apply = (name: string, tag: string) => {
    slave.cluster.apply('Deployment', 'shop', name, {
      containers: [{ name: 'app', image: `r.example.org/app:${tag}` }],
    })
    slave.cluster.settle('shop')
  }
  const remove = (name: string) => slave.cluster.delete('Deployment', 'shop', name)
  const collect = async () => expect((await slave.collect()).state).toBe('completed')
  /** Runs the push job that waits, whenever it is due. @returns its row. */
  const push = async () => {
    const job = await slave.ctx.db('jobs').where({ name: 'push-releases' }).whereNull('finished_at').first()
    expect(job, 'a push waits').toBeDefined()
    return slave.run(job.id)
  }
  const due = () => slave.ctx.db('tracker_waiting').update({ next_try_at: slave.ctx.db.fn.now() })
  const waiting = () => slave.ctx.db('tracker_waiting').orderBy('interval_id')
  /** As if the clock had been ahead by so much in everything that is recorded. */
  const shift = (interval: string) =>
    slave.ctx.db.raw(
      'update tracker_intervals set first_seen = first_seen + cast(? as interval), last_seen = last_seen + cast(? as interval)',
      [interval, interval],
    )
  return { slave, apply, remove, collect, push, due, waiting, shift }
}

export const health = async (tracker: Tracker) =>
  (await tracker.call('/health', { token: undefined as never })).json

export interface MasterCall {
  method: string
  path: string
  // biome-ignore lint/suspicious/noExplicitAny: the bodies of both contracts
  body: any
}

/** What a fake master answers; `cut` closes the connection without an answer. */
export type Reply = { status: number; body?: object } | 'cut'

/** A master of another version or make: what it answers is the test's. */
export async function startFakeMaster(answer: (call: MasterCall) => Reply | Promise<Reply>): Promise<string> {
  const server = createServer(async (req, res) => {
    const body = await bodyOf(req)
    const reply = await answer({ method: req.method ?? '', path: req.url ?? '', body })
    if (reply === 'cut') return void req.socket.destroy()
    res.writeHead(reply.status, { 'content-type': 'application/json' }).end(JSON.stringify(reply.body ?? {}))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  opened.push(() => new Promise((resolve) => server.close(resolve)))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function bodyOf(req: IncomingMessage) {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk)
  const raw = Buffer.concat(chunks)
  const text = req.headers['content-encoding'] === 'gzip' ? gunzipSync(raw).toString() : raw.toString()
  return text === '' ? {} : JSON.parse(text)
}

/** The name of the workload that a PUT is for. */
export const workloadOf = ({ path }: MasterCall) => path.split('/')[5] ?? ''
