import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DatabaseSync } from 'node:sqlite'
import { assertConforms } from '../../local-cloud/contract/contract.ts'

/** What happens to the next call that matches: it is refused, or done without an answer. */
interface Fault {
  method: string
  path: RegExp
  kind: 'lose' | { status: number; code: number; message: string }
}

interface Answer {
  status: number
  code?: number
  message?: string
  result?: unknown
}

const refused = (status: number, code: number, message: string): Answer => ({ status, code, message })

/**
 * An account with the resources that bindings refer to. Each answer is held to the published contract. Databases are
 * real ones, so that a call is one transaction.
 */
export async function startFakeAccount(accountId: string) {
  const namespaces: { id: string; title: string }[] = []
  const buckets: string[] = []
  const queues: string[] = []
  const databases = new Map<string, { name: string; db: DatabaseSync }>()
  const calls: string[] = []
  const faults: Fault[] = []
  const violations: string[] = []
  let made = 0
  const newId = () => `${++made}`.padStart(32, '0')
  const uuid = () => `00000000-0000-4000-8000-${`${++made}`.padStart(12, '0')}`

  function query(id: string, { sql, params = [] }: { sql: string; params?: string[] }): Answer {
    const { db } = databases.get(id) ?? {}
    if (db === undefined) return refused(404, 7404, 'database not found')
    try {
      if (sql.trimStart().startsWith('SELECT')) {
        return { status: 200, result: [{ success: true, meta: {}, results: db.prepare(sql).all(...params) }] }
      }
      db.exec('BEGIN')
      db.exec(sql)
      db.exec('COMMIT')
      return { status: 200, result: [{ success: true, meta: {}, results: [] }] }
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK')
      return refused(400, 7500, error instanceof Error ? error.message : 'failed')
    }
  }

  // biome-ignore lint/suspicious/noExplicitAny: bodies are held to the contract
  function answer(method: string, url: URL, body: any): Answer {
    const path = url.pathname.split(`/accounts/${accountId}`)[1] ?? ''
    const page = Number(url.searchParams.get('page') ?? 1)
    const pageOf = <T>(list: T[]): T[] => list.slice((page - 1) * 100, page * 100)
    const [, kind, id = ''] =
      /^\/(?:storage\/kv\/namespaces|r2\/(?=buckets)|d1\/(?=database)|)(\w*)\/?([^/]*)/.exec(path) ?? []
    if (path.startsWith('/storage/kv/namespaces')) {
      const given = path.split('/')[4]
      if (given !== undefined) {
        const found = namespaces.find((each) => each.id === given)
        return found === undefined
          ? refused(404, 10013, 'namespace not found')
          : { status: 200, result: found }
      }
      if (method === 'GET') return { status: 200, result: pageOf(namespaces) }
      if (namespaces.some(({ title }) => title === body.title))
        return refused(400, 10014, 'title already exists')
      namespaces.push({ id: newId(), title: body.title })
      return { status: 200, result: namespaces.at(-1) }
    }
    if (kind === 'buckets') {
      const result = { name: id || body?.name }
      if (method === 'GET')
        return buckets.includes(id) ? { status: 200, result } : refused(404, 10006, 'absent')
      if (buckets.includes(body.name)) return refused(409, 10004, 'the bucket exists')
      buckets.push(body.name)
      return { status: 200, result }
    }
    if (kind === 'queues') {
      if (method === 'GET')
        return { status: 200, result: pageOf(queues.map((name) => ({ queue_name: name }))) }
      if (queues.includes(body.queue_name)) return refused(409, 11009, 'the queue exists')
      queues.push(body.queue_name)
      return { status: 200, result: { queue_name: body.queue_name } }
    }
    if (path.endsWith('/query')) return query(id, body)
    if (path.endsWith('/bookmark')) return { status: 200, result: { bookmark: `bookmark-${calls.length}` } }
    if (id !== '' && method === 'GET')
      return databases.has(id) ? { status: 200, result: { uuid: id } } : refused(404, 7404, 'absent')
    const list = [...databases].map(([each, { name }]) => ({ uuid: each, name }))
    if (method === 'GET') return { status: 200, result: pageOf(list) }
    if (list.some(({ name }) => name === body.name)) return refused(400, 7502, 'the database exists')
    const created = uuid()
    databases.set(created, { name: body.name, db: new DatabaseSync(':memory:') })
    return { status: 200, result: { uuid: created, name: body.name } }
  }

  const server = createServer(async (req, res) => {
    const url = new URL(req.url ?? '/', 'http://account')
    const method = req.method ?? ''
    const body = await bodyOf(req)
    calls.push(`${method} ${url.pathname.split(`/accounts/${accountId}`)[1]}`)
    const at = faults.findIndex((each) => each.method === method && each.path.test(url.pathname))
    const [fault] = at === -1 ? [] : faults.splice(at, 1)
    const kind = fault?.kind
    const {
      status,
      code = 0,
      message = '',
      result = null,
    } = typeof kind === 'object' ? refused(kind.status, kind.code, kind.message) : answer(method, url, body)
    if (kind === 'lose') return res.destroy()
    const errors = status < 300 ? [] : [{ code, message }]
    const envelope = { success: status < 300, errors, messages: [], result }
    try {
      assertConforms(method, url.pathname, status, body, envelope)
    } catch (error) {
      violations.push(String(error))
    }
    return res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(envelope))
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    ...{ namespaces, buckets, queues, databases, calls, violations },
    fault: (fault: Fault) => void faults.push(fault),
    tables: (id: string) =>
      databases
        .get(id)
        ?.db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
        .all()
        .map(({ name }) => name),
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function bodyOf(req: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk)
  return chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString())
}
