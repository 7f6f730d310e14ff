import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'

const oci = 'application/vnd.oci.image'
const run = promisify(execFile)

export interface TestImage {
  /** Sizes of its layers, before they are compressed: their bytes are random, so that they stay as long. */
  layers: number[]
  platform?: { os: string; architecture: string }
  /** A layer that may not be handed on, at this address. */
  foreign?: string
}

/** Writes an OCI layout by hand: one image, or an index over several. @returns its folder. */
export function makeLayout(images: TestImage[]): { folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'capstan-image-'))
  mkdirSync(join(folder, 'blobs/sha256'), { recursive: true })
  writeFileSync(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
  const blob = (bytes: Buffer, mediaType: string) => {
    const hex = createHash('sha256').update(bytes).digest('hex')
    writeFileSync(join(folder, 'blobs/sha256', hex), bytes)
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length }
  }
  const json = (value: object, mediaType: string) => blob(Buffer.from(JSON.stringify(value)), mediaType)
  const manifests = images.map(({ layers, foreign, platform = { os: 'linux', architecture: 'amd64' } }) => {
    const contents = layers.map((size) => randomBytes(size))
    const diffIds = contents.map((bytes) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`)
    const own = contents.map((bytes) => blob(gzipSync(bytes, { level: 0 }), `${oci}.layer.v1.tar+gzip`))
    const away = { mediaType: `${oci}.layer.nondistributable.v1.tar+gzip`, size: 1234, urls: [foreign] }
    const digest = `sha256:${'ab'.repeat(32)}`
    if (foreign !== undefined) diffIds.unshift(digest)
    const config = json(
      { ...platform, config: {}, rootfs: { type: 'layers', diff_ids: diffIds } },
      `${oci}.config.v1+json`,
    )
    const all = foreign === undefined ? own : [{ ...away, digest }, ...own]
    const manifest = { schemaVersion: 2, mediaType: `${oci}.manifest.v1+json`, config, layers: all }
    return { ...json(manifest, `${oci}.manifest.v1+json`), platform }
  })
  const index = { schemaVersion: 2, mediaType: `${oci}.index.v1+json`, manifests }
  const top = manifests.length === 1 ? manifests : [json(index, `${oci}.index.v1+json`)]
  const named = top.map((each) => ({ ...each, annotations: { 'org.opencontainers.image.ref.name': 'made' } }))
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: named }))
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

interface Credentials {
  creds?: string
}

interface PushOptions extends Credentials {
  /** What the manifest is converted to. */
  format?: 'oci' | 'v2s2'
}

/** Pushes a layout with the client that we did not write. */
export async function push(
  folder: string,
  image: string,
  { creds, format }: PushOptions = {},
): Promise<void> {
  const convert = format === undefined ? ['--all'] : ['--format', format]
  const args = ['copy', '--insecure-policy', ...convert, '--dest-tls-verify=false', `oci:${folder}:made`]
  await run('skopeo', [...args, ...(creds === undefined ? [] : ['--dest-creds', creds]), `docker://${image}`])
}

/** Makes an image and pushes it. */
export async function pushed(
  images: TestImage[],
  image: string,
  credentials: Credentials = {},
): Promise<void> {
  const { folder, remove } = makeLayout(images)
  await push(folder, image, credentials)
  remove()
}

/** What skopeo sees: the manifest's exact bytes, by their digest, and what is in it. */
export async function inspect(image: string, { creds }: Credentials = {}) {
  const args = ['inspect', '--tls-verify=false', ...(creds === undefined ? [] : ['--creds', creds])]
  const raw = (await run('skopeo', [...args, '--raw', `docker://${image}`])).stdout
  const digest = `sha256:${createHash('sha256').update(raw).digest('hex')}`
  return { digest, manifest: JSON.parse(raw) }
}

/** Downloads all of it, checking every digest on the way. */
export async function pullAll(image: string, { creds }: Credentials = {}): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'capstan-pulled-'))
  const args = ['copy', '--insecure-policy', '--src-tls-verify=false']
  await run('skopeo', [
    ...[...args, ...(creds === undefined ? [] : ['--src-creds', creds])],
    ...[`docker://${image}`, `dir:${folder}`],
  ])
  rmSync(folder, { recursive: true, force: true })
}
