import { z } from 'zod'
import type { CloudHttp } from '../http.ts'
import { multipart } from './multipart.ts'
import type { AccountPaths } from './paths.ts'

/** A static file as the cloud identifies it: the hash covers its content and its content type. */
export interface CloudAsset {
  /** 32 hex digits. */
  hash: string
  /** In bytes. */
  size: number
  contentType: string | null
  read(): AsyncIterable<Uint8Array>
}

/** What the cloud lacks of a list of files. */
export interface AssetSession {
  /** Authorizes the uploads; the completion token if nothing is missing. */
  token: string
  /** The hashes of the missing files; each bucket is meant for one upload. */
  buckets: string[][]
}

/** The calls that upload static files. They change nothing until a version names the completion token. */
export interface AssetUploads {
  /** @param manifest the hash and the size of each file, by path */
  openAssetSession(
    script: string,
    manifest: Record<string, { hash: string; size: number }>,
    signal: AbortSignal,
  ): Promise<AssetSession>
  /** Uploads files of a session. @returns the completion token if no file is missing any more */
  uploadAssets(token: string, files: CloudAsset[], signal: AbortSignal): Promise<string | undefined>
}

const session = z.object({ jwt: z.string(), buckets: z.array(z.array(z.string())).default([]) })
const uploaded = z.object({ jwt: z.string().optional() }).nullish()

export function createAssetUploads(http: CloudHttp, paths: AccountPaths): AssetUploads {
  return {
    async openAssetSession(script, manifest, signal) {
      const path = `${paths.script(script)}/assets-upload-session`
      const call = { method: 'POST' as const, path, json: { manifest }, isHarmless: true, signal }
      const { jwt, buckets } = await http.write(session, call)
      return { token: jwt, buckets: buckets.filter((bucket) => bucket.length > 0) }
    },
    async uploadAssets(token, files, signal) {
      const parts = files.map(({ hash, size, contentType, read }) => ({
        name: hash,
        filename: hash,
        type: contentType ?? 'application/null',
        size: 4 * Math.ceil(size / 3),
        read: () => base64(read()),
      }))
      const path = `${paths.workers}/assets/upload?base64=true`
      const call = {
        method: 'POST' as const,
        path,
        multipart: multipart(parts),
        isHarmless: true,
        token,
        signal,
      }
      return (await http.write(uploaded, call))?.jwt
    },
  }
}

/** Encodes bytes as they arrive: three bytes become four characters, so a rest is kept for the next chunk. */
async function* base64(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let rest = Buffer.alloc(0)
  for await (const chunk of content) {
    const bytes = Buffer.concat([rest, chunk])
    const whole = bytes.length - (bytes.length % 3)
    if (whole > 0) yield Buffer.from(bytes.subarray(0, whole).toString('base64'))
    rest = bytes.subarray(whole)
  }
  if (rest.length > 0) yield Buffer.from(rest.toString('base64'))
}
