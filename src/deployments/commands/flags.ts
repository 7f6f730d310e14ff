import { UsageFault } from '../../cli/index.ts'
import type { ContainerFlags } from './project/container-flags.ts'

/** The options of `capstan deploy`, as commander gives them. */
export interface DeployFlags extends ContainerFlags {
  app?: string
  environment?: string
  do?: string[]
  var?: string[]
  secret?: string[]
  deleteSecret?: string[]
  workersDev?: boolean
  previewUrls?: boolean
  health?: string
  timeout?: number
  maxRetries?: number
  rollback: boolean
  dryRun?: boolean
  force?: boolean
  yes?: boolean
  json?: boolean
}

/** `NAME=VALUE`, the value as it stands. @throws UsageFault, which never shows the value. */
export function variablesOf(flags: Pick<DeployFlags, 'var'>): Record<string, string> {
  return Object.fromEntries(
    (flags.var ?? []).map((text) => {
      const at = text.indexOf('=')
      if (at < 1) throw new UsageFault('--var has to be NAME=VALUE')
      return [text.slice(0, at), text.slice(at + 1)]
    }),
  )
}

/** Names only: a value on the command line could be read by every user of the machine, and stays in its history. */
export function secretNamesOf(flags: Pick<DeployFlags, 'secret'>): string[] {
  const names = flags.secret ?? []
  for (const name of names) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      throw new UsageFault(
        '--secret takes a name only; its value is read from the environment variable of that name or asked for',
      )
    }
  }
  return names
}
