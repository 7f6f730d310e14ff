import { resolve } from 'node:path'
import type { Command } from 'commander'
import { checkout } from '../../platform/installation/index.ts'
import { type CommandDeps, jsonOption, outputOf, UsageFault } from '../index.ts'
import type { Manifest } from './manifest.ts'

type Deps = Pick<CommandDeps, 'env' | 'stdout' | 'stderr'> & { version: string }

/** Adds `backup`, for the embedded default. */
export function registerBackupCommand(program: Command, deps: Deps): void {
  program
    .command('backup')
    .argument('<file>', 'archive to create, e.g. capstan-2026-12-01.tar.gz')
    .description(
      'write all data of the embedded default, including its keys, to one archive; the service must be stopped',
    )
    .addOption(jsonOption())
    .action(async (file: string, _flags: unknown, command: Command) => {
      const { backUp } = await import('./backup.ts')
      const { commandConfig } = await import('../config.ts')
      requireEmbedded(deps.env)
      const { dataDir } = commandConfig(deps.env)
      const made = await backUp({ dataDir, file: resolve(file), version: deps.version })
      const said = `Backed up ${sizeOf(made)} and the files of ${dataDir} to ${file}`
      const care = 'It contains the keys of your secrets: protect it as you would protect the keys.'
      outputOf(deps, command).answer([said, care], { file: resolve(file), ...summary(made) })
    })
}

/** Adds `restore`, for the embedded default. */
export function registerRestoreCommand(program: Command, deps: Omit<Deps, 'version'>): void {
  program
    .command('restore')
    .argument('<file>', 'archive created by `capstan backup`')
    .description('restore a backup into an empty or new DATA_DIR; a newer Capstan can restore it, too')
    .addOption(jsonOption())
    .action(async (file: string, _flags: unknown, command: Command) => {
      const { restore } = await import('./restore.ts')
      const dataDir = restoreDir(deps.env)
      const saved = await restore(dataDir, resolve(file))
      const said = `Restored ${sizeOf(saved)} and the files of ${saved.createdAt} to ${dataDir}`
      outputOf(deps, command).answer([said, 'Continue with npm start.'], { dataDir, ...summary(saved) })
    })
}

/** @throws UsageFault where another PostgreSQL than the embedded one holds the data. */
function requireEmbedded(env: NodeJS.ProcessEnv): void {
  if (env.DATABASE_URL !== undefined || env.ENVIRONMENT === 'production')
    throw new UsageFault(
      'Only the embedded default is backed up so: your PostgreSQL has pg_dump, and a bucket its own copies',
    )
}

/** The folder to restore into. Read here and not from the configuration, which describes an installation that exists. */
function restoreDir(env: NodeJS.ProcessEnv): string {
  requireEmbedded(env)
  if (!env.DATA_DIR && resolve('.') !== resolve(checkout))
    throw new UsageFault('Set DATA_DIR to the new folder of the installation that the backup goes into')
  return resolve(env.DATA_DIR || '.capstan')
}

const rowsOf = ({ tables }: Manifest) => tables.reduce((sum, { rows }) => sum + rows, 0)
const sizeOf = (of: Manifest) => `${rowsOf(of)} rows of ${of.tables.length} tables`

function summary(of: Manifest) {
  const { version, createdAt, tables } = of
  return { version, created_at: createdAt, tables: tables.length, rows: rowsOf(of) }
}
