import { resolve } from 'node:path'
import type { Command } from 'commander'
import { checkout } from '../../platform/installation/index.ts'
import { type CommandDeps, jsonOption, outputOf, UsageFault, withoutContext } from '../index.ts'
import type { Manifest } from './manifest.ts'

type Deps = Pick<CommandDeps, 'env' | 'stdout' | 'stderr'> & { version: string }

/** Adds `backup`, for the embedded default. */
export function registerBackupCommand(program: Command, deps: Deps): void {
  withoutContext(program.command('backup'))
    .argument('<file>', 'archive to create, e.g. capstan-2026-12-01.tar.gz')
    .description(
      'write all data of the embedded default, including its keys, to one archive; the service must be stopped',
    )
    .addOption(jsonOption())
    .action(async (file: string, _flags: unknown, command: Command) => {
      const { backUp } = await import('./backup.ts')
      const { findEmbeddedDataDir } = await import('../target/data.ts')
      const dataDir = findEmbeddedDataDir(deps.env)
      if (dataDir === undefined)
        throw new UsageFault(
          'This command backs up the embedded default only: back up your PostgreSQL with pg_dump, and the bucket with its own tools',
        )
      if (deps.env.DATABASE_URL)
        outputOf(deps, command).warn(
          `note: this is the installation in ${dataDir}, not the one of DATABASE_URL`,
        )
      const made = await backUp({ dataDir, file: resolve(file), version: deps.version })
      const said = `Backed up ${sizeOf(made)} and the files of ${dataDir} to ${file}`
      const care = 'It contains the keys of your secrets: protect it as you would protect the keys.'
      outputOf(deps, command).answer([said, care], { file: resolve(file), ...summary(made) })
    })
}

/** Adds `restore`, for the embedded default. */
export function registerRestoreCommand(program: Command, deps: Omit<Deps, 'version'>): void {
  withoutContext(program.command('restore'))
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

/**
 * The folder to restore into. Read here and not from the configuration, which describes an installation that exists.
 * @throws UsageFault where `npm start` would use another database than the restored one, or nothing names the folder
 */
function restoreDir(env: NodeJS.ProcessEnv): string {
  const other = ['DATABASE_URL', 'ENVIRONMENT'].find((name) =>
    name === 'ENVIRONMENT' ? env[name] === 'production' : Boolean(env[name]),
  )
  if (other !== undefined)
    throw new UsageFault(
      `Only the embedded default can be restored: with ${other} as it is set here, npm start would use another database. Unset it first`,
    )
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
