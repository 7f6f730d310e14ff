import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { z } from 'zod'

/** The wrangler that bundles a project. */
export interface ChosenWrangler {
  /** Its program, to be run by Node. */
  program: string
  version: string
  whose: 'project' | 'capstan'
  /** The reason why the project's own one is not used. */
  reason?: string
}

const packageFile = z.looseObject({ version: z.string(), main: z.string() })

/** `deploy --dry-run --outfile` of older versions writes nothing that can be used. */
const oldest = [4, 50] as const
/** From this version on, a dry run with containers needs no Docker (`--containers-rollout=none`). */
const withoutDocker = [4, 101] as const

/**
 * The project's own wrangler, because its bundler is what the project was tested with; Capstan's if the project has none, or
 * one that is too old.
 */
export function chooseWrangler(folder: string, { containers }: { containers: boolean }): ChosenWrangler {
  const ours = wranglerOf(import.meta.dirname)
  if (ours === undefined) throw new Error('wrangler is not installed: run npm ci in the checkout of Capstan')
  const own = wranglerOf(folder)
  if (own === undefined || own.program === ours.program) return { ...ours, whose: 'capstan' }
  const least = containers ? withoutDocker : oldest
  if (isAtLeast(own.version, least)) return { ...own, whose: 'project' }
  const purpose = containers ? ' for projects with containers' : ''
  const reason = `the project's ${own.version} is older than ${least.join('.')}, the oldest that Capstan can use${purpose}`
  return { ...ours, whose: 'capstan', reason }
}

/** True if the version knows `--no-autoconfig`; the default of older ones is the same. */
export const hasAutoconfig = (version: string): boolean => isAtLeast(version, [4, 101])
/** True if the version knows `--containers-rollout=none`. */
export const canSkipContainers = (version: string): boolean => isAtLeast(version, withoutDocker)

function wranglerOf(folder: string): { program: string; version: string } | undefined {
  try {
    const file = createRequire(join(folder, 'index.js')).resolve('wrangler/package.json')
    const { version, main } = packageFile.parse(JSON.parse(readFileSync(file, 'utf8')))
    return { version, program: join(dirname(file), main) }
  } catch {
    return undefined
  }
}

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [ownMajor = 0, ownMinor = 0] = version.split('.').map((part) => Number.parseInt(part, 10))
  return ownMajor > major || (ownMajor === major && ownMinor >= minor)
}
