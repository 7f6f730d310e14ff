/**
 * The code of the Worker through which the API reads and writes the stores of a group: the process that runs the Workers
 * is the only one that may open the files. A path is `/<kind>/<id>`, both encoded; `key` and other details are in the
 * query. Bindings are named by their nodes, for example `kv:<id>`.
 */
export const bridgeScript = `
const json = (value) => Response.json(value ?? null)
const numberOf = (text) => (text === null ? undefined : Number(text))

const kv = {
  async GET(store, query) {
    const { value, metadata } = await store.getWithMetadata(query.get('key'), 'stream')
    if (value === null) return new Response(null, { status: 404 })
    const { keys } = await store.list({ prefix: query.get('key'), limit: 1 })
    const found = keys[0]?.name === query.get('key') ? keys[0] : undefined
    const about = encodeURIComponent(JSON.stringify({ metadata, expiration: found?.expiration }))
    return new Response(value, { headers: { about } })
  },
  async PUT(store, query, request) {
    const expiration = numberOf(query.get('expiration'))
    const expirationTtl = numberOf(query.get('ttl'))
    const given = query.get('metadata')
    const metadata = given === null ? undefined : JSON.parse(given)
    await store.put(query.get('key'), request.body ?? '', { expiration, expirationTtl, metadata })
    return json()
  },
  async DELETE(store, query) {
    await store.delete(query.get('key'))
    return json()
  },
  async LIST(store, query) {
    const limit = numberOf(query.get('limit'))
    const [prefix, cursor] = [query.get('prefix'), query.get('cursor')]
    return json(await store.list({ prefix, limit, cursor }))
  },
  async BULK(store, _, request) {
    const { put = [], remove = [] } = await request.json()
    for (const { key, value, base64, ...options } of put) {
      const bytes = base64 ? Uint8Array.from(atob(value), (letter) => letter.charCodeAt(0)) : value
      await store.put(key, bytes, options)
    }
    for (const key of remove) await store.delete(key)
    return json()
  },
}

const describe = (object) => ({
  key: object.key,
  version: object.version,
  size: object.size,
  etag: object.etag,
  uploaded: object.uploaded,
  httpMetadata: object.httpMetadata,
  customMetadata: object.customMetadata,
  storageClass: object.storageClass,
})

const r2 = {
  async GET(store, query, request) {
    const object = await store.get(query.get('key'), { range: request.headers, onlyIf: request.headers })
    if (object === null) return new Response(null, { status: 404 })
    const { range } = object
    const about = encodeURIComponent(JSON.stringify({ ...describe(object), range }))
    return object.body === undefined
      ? new Response(null, { status: 304, headers: { about } })
      : new Response(object.body, { headers: { about } })
  },
  async PUT(store, query, request) {
    const options = JSON.parse(query.get('options'))
    return json(describe(await store.put(query.get('key'), request.body ?? '', options)))
  },
  async DELETE(store, query) {
    await store.delete(query.get('key'))
    return json()
  },
  async LIST(store, query) {
    const options = JSON.parse(query.get('options'))
    const { objects, ...rest } = await store.list({ ...options, include: ['httpMetadata', 'customMetadata'] })
    return json({ ...rest, objects: objects.map(describe) })
  },
}

const d1 = {
  // The class has no method that returns columns, rows and meta of several statements in one transaction.
  POST: (store, _, request) =>
    store.fetcher.fetch('http://d1/query?resultsFormat=ROWS_AND_COLUMNS', { method: 'POST', body: request.body }),
  async DUMP(store, _, request) {
    const { noSchema, noData, tables } = await request.json()
    const sql = 'PRAGMA miniflare_d1_export(?,?,?);'
    const body = JSON.stringify({ sql, params: [noSchema ? 1 : 0, noData ? 1 : 0, ...tables] })
    return store.fetcher.fetch('http://d1/execute', { method: 'POST', body })
  },
}

const workflow = {
  async POST(control, query, request) {
    const { method, args } = await request.json()
    return json(await control[method](...args))
  },
}

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url)
    const [kind, id] = pathname.slice(1).split('/').map(decodeURIComponent)
    const operation = searchParams.get('operation') ?? request.method
    try {
      return await { kv, r2, d1, workflow }[kind][operation](env[kind + ':' + id], searchParams, request)
    } catch (error) {
      return new Response(String(error?.message ?? error), { status: 500 })
    }
  },
}`
