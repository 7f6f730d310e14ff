import { lstatSync, statSync } from 'node:fs'

/**
 * True if a file or folder exists and belongs to the user of this process; a link and its target both must. Other users
 * may write to a folder above the current one, like /tmp.
 * @param options `secret`: no other user may have any permission. Git checks out files as readable by others, so this
 * excludes the files of a repository.
 */
export function isOwn(path: string, { secret = false } = {}): boolean {
  const user = process.getuid?.()
  try {
    return [lstatSync(path), statSync(path)].every(
      (found) =>
        user === undefined ||
        (found.uid === user && (!secret || found.isSymbolicLink() || (found.mode & 0o077) === 0)),
    )
  } catch {
    return false
  }
}
