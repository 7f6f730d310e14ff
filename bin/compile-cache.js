// Plain JavaScript, like check-node.js.
import { mkdirSync, statSync } from 'node:fs'
import module from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * Keeps compiled code between starts, which halves the processor time of a command. Node's own default, a folder in
 * the temporary directory, may belong to somebody else on a shared machine, and so may the home directory under sudo:
 * what is cached is executed. Nothing is cached then, or if the folder can't be written.
 */
export function enableCompileCache() {
  const base = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  const folder = join(base, 'capstan', 'compiled')
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const own = (path) => statSync(path).uid === process.getuid?.()
    // The owner of a folder above could put another one in its place.
    if ([base, join(base, 'capstan'), folder].every(own)) module.enableCompileCache?.(folder)
  } catch {
    // Commands work without a cache, only slower.
  }
}
