import { createHash } from 'node:crypto'
import { request } from 'node:http'
import { type LocalCloud, startLocalCloud } from '../../../src/local-cloud/index.ts'
import { silent } from '../../helpers/context.ts'
import { createInlineRuntime } from '../../helpers/inline-runtime.ts'
import { accountId, clientOf, onCleanup, temporaryDir, token } from '../harness.ts'

export interface SiteFile {
  content: string | Buffer
  /** The Content-Type of the upload; `application/null` means none. */
  type: string
}

/** The files of a site, by path. A string is an HTML file. */
export type Site = Record<string, string | SiteFile>

const html = 'text/html; charset=utf-8'
const fileOf = (entry: string | SiteFile): SiteFile =>
  typeof entry === 'string' ? { content: entry, type: html } : entry

/** A hash as a client chooses it: over the content and the type. */
export const hashOf = (entry: string | SiteFile): string => {
  const { content, type } = fileOf(entry)
  return createHash('sha256').update(content).update(type).digest('hex').slice(0, 32)
}

export const manifestOf = (site: Site) =>
  Object.fromEntries(
    Object.entries(site).map(([path, entry]) => [
      path,
      { hash: hashOf(entry), size: Buffer.byteLength(fileOf(entry).content) },
    ]),
  )

/** Sends one upload request with the given files. */
export async function sendFiles(cloud: LocalCloud, jwt: string, files: { hash: string; file: SiteFile }[]) {
  const body = new FormData()
  for (const { hash, file } of files) {
    const text = Buffer.from(file.content).toString('base64')
    body.set(hash, new File([text], hash, { type: file.type }))
  }
  const path = `/client/v4/accounts/${accountId}/workers/assets/upload?base64=true`
  const response = await fetch(`${cloud.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${jwt}` },
    body,
  })
  const answer = (await response.json()) as { result: { jwt?: string } | null; errors: { code: number }[] }
  return { status: response.status, jwt: answer.result?.jwt, code: answer.errors[0]?.code, answer }
}

export type TestClient = LocalCloud & ReturnType<typeof clientOf>

/** Uploads a site for a script. @returns the completion token and the hashes that were missing before */
export async function uploadSite(cloud: TestClient, script: string, site: Site) {
  const session = await cloud.script('POST', `${script}/assets-upload-session`, {
    manifest: manifestOf(site),
  })
  if (session.status !== 200) throw new Error(`${session.code} ${session.message}`)
  const { jwt, buckets } = session.result as { jwt: string; buckets: string[][] }
  const byHash = new Map(Object.values(site).map((entry) => [hashOf(entry), fileOf(entry)]))
  let completion: string | undefined = buckets.length === 0 ? jwt : undefined
  for (const bucket of buckets) {
    const files = bucket.map((hash) => ({ hash, file: byHash.get(hash) ?? { content: '', type: html } }))
    completion = (await sendFiles(cloud, jwt, files)).jwt ?? completion
  }
  return { jwt: completion ?? '', missing: buckets.flat() }
}

/** Sends a request to a script without following redirects. */
export function visit(
  cloud: LocalCloud,
  script: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string; headers: Record<string, string | string[] | undefined> }> {
  const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<typeof visit>>>()
  const host = `${script}.localhost`
  const req = request(
    { host: '127.0.0.1', port: cloud.port, path, headers: { ...headers, host }, agent: false },
    (res) => {
      const chunks: Buffer[] = []
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('end', () =>
        resolve({
          status: res.statusCode ?? 0,
          text: Buffer.concat(chunks).toString(),
          headers: res.headers,
        }),
      )
      res.on('error', reject)
    },
  )
  req.on('error', reject).end()
  return promise
}

/** A cloud that runs Workers in this process. */
export async function startInlineCloud(): Promise<TestClient> {
  const about = { host: '127.0.0.1', port: 0, token, accountId, log: silent }
  const local = await startLocalCloud({ ...about, dataDir: temporaryDir(), runtime: createInlineRuntime() })
  onCleanup(() => local.stop())
  return { ...local, ...clientOf(local) }
}
