import { randomUUID } from 'node:crypto'
import { link, mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { downloadName, type ObjectStore, smallObject } from '../index.ts'
import { asHead, copiedTo, ensureFolder, headOf, orMissing, place, safeKey, unreachable } from './disk.ts'
import type { LinkSigner } from './signed-links.ts'

const MIB = 1024 * 1024
const day = 24 * 3_600_000

export interface FileStoreOptions {
  /** A folder used only by the store, on a file system with hard links. */
  root: string
  links: LinkSigner
}

/** The folders inside the root, also used by the link routes. */
export const folders = (root: string) => ({
  objects: join(root, 'objects'),
  drafts: join(root, 'drafts'),
  parts: join(root, 'parts'),
})

/**
 * An object store of files in a folder. Objects appear atomically: written to a temporary file, flushed to disk, then
 * renamed or linked. A write conditional on an etag is atomic only within one process; callers in several processes
 * hold a lock in the database.
 */
export function createFileStore({ root, links }: FileStoreOptions): ObjectStore {
  const at = folders(root)
  const pathOf = (key: string) => join(at.objects, safeKey(key))

  return {
    // An upload must arrive within the web server's time limit for a request, also over slow connections.
    limits: { singleUpload: 16 * MIB, part: 16 * MIB },

    async probe() {
      await mkdir(at.objects, { recursive: true }).catch(unreachable)
      return stat(at.objects).then(() => ({ aheadMs: 0 }), unreachable)
    },

    async read(key, condition) {
      const found = await headOf(pathOf(key))
      if (found === undefined) return undefined
      if (found.etag === condition?.etag) return 'unchanged'
      if (found.size > smallObject) return { body: Buffer.alloc(0), etag: found.etag }
      const body = await orMissing(readFile(pathOf(key)))
      return body && { body, etag: found.etag }
    },

    head: (key) => headOf(pathOf(key)),

    async stream(key) {
      const file = await orMissing(open(pathOf(key)))
      if (file === undefined) return undefined
      // The head of the open file, because another file may be renamed over its path meanwhile.
      const head = asHead(await file.stat({ bigint: true }))
      return { ...head, body: file.createReadStream() }
    },

    write: (key, { body, only }) =>
      oneAtATime(pathOf(key), async () => {
        if (only !== undefined && only !== 'absent' && (await headOf(pathOf(key)))?.etag !== only.etag)
          return 'conflict'
        const draft = join(await ensureFolder(at.drafts), randomUUID())
        const file = await open(draft, 'wx', 0o600)
        try {
          await file.writeFile(body)
          await file.sync()
        } finally {
          await file.close()
        }
        return (await place(draft, pathOf(key), only === 'absent')) ? 'written' : 'conflict'
      }).catch(unreachable),

    async copy(from, to) {
      const draft = join(await ensureFolder(at.drafts), randomUUID())
      const linked = await orMissing(link(pathOf(from.key), draft).then(() => true))
      if (linked === undefined) return 'changed'
      // The hard link keeps the compared file, even if its path is overwritten meanwhile.
      if ((await headOf(draft))?.etag !== from.etag) {
        await rm(draft, { force: true })
        return 'changed'
      }
      await place(draft, pathOf(to), false)
      return 'copied'
    },

    remove: (key) => rm(pathOf(key), { force: true }).catch(unreachable),

    async list(prefix, after = '') {
      const folder = dirname(`${prefix}x`)
      const entries = await orMissing(readdir(pathOf(folder), { recursive: true, withFileTypes: true }))
      const keys = (entries ?? [])
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(at.objects.length + 1))
      return keys
        .filter((key) => key.startsWith(prefix) && key > after)
        .toSorted()
        .slice(0, 1000)
    },

    async tidy() {
      let removed = 0
      for (const folder of [at.drafts, at.parts]) {
        for (const name of (await orMissing(readdir(folder))) ?? []) {
          const found = await orMissing(stat(join(folder, name)))
          if (found === undefined || Date.now() - found.mtimeMs < 7 * day) continue
          await rm(join(folder, name), { recursive: true, force: true })
          removed += 1
        }
      }
      return removed
    },

    linkToRead: async (key, filename) => links.sign('GET', key, { disposition: downloadName(filename) }),
    linkToWrite: async (key, size) => links.sign('PUT', key, { size: String(size) }),

    async startParts() {
      const upload = randomUUID()
      const folder = await ensureFolder(join(at.parts, upload))
      await (await open(join(folder, 'data'), 'wx', 0o600)).close()
      return upload
    },

    linkToWritePart: async (key, { upload, number, size }) =>
      links.sign('PUT', key, { upload, part: String(number), size: String(size) }),

    async joinParts(key, upload, parts) {
      const folder = join(at.parts, upload)
      for (const { number, etag } of parts) {
        const written = await orMissing(readFile(join(folder, String(number)), 'utf8'))
        if (written !== etag) return 'gone'
      }
      const draft = join(await ensureFolder(at.drafts), randomUUID())
      if (!(await copiedTo(draft, join(folder, 'data')))) return 'gone'
      await place(draft, pathOf(key), false)
      await rm(folder, { recursive: true, force: true })
      return 'joined'
    },

    dropParts: (_key, upload) => rm(join(at.parts, upload), { recursive: true, force: true }),
  }
}

const lastWrites = new Map<string, Promise<unknown>>()

async function oneAtATime<T>(path: string, work: () => Promise<T>): Promise<T> {
  const before = lastWrites.get(path) ?? Promise.resolve()
  const turn = before.then(work, work)
  lastWrites.set(path, turn)
  try {
    return await turn
  } finally {
    if (lastWrites.get(path) === turn) lastWrites.delete(path)
  }
}
