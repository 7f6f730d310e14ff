import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Knex } from 'knex'
import { type CommandDeps, exitCodes, plain, UsageFault, withoutContext } from '../cli/index.ts'
import { errorCode } from '../platform/thrown.ts'
import type { Found } from './import/entries.ts'
import type { ImportReport } from './import/upsert.ts'

export interface NodeCommandDeps extends Pick<CommandDeps, 'env' | 'stdout' | 'exitWith'> {
  /** Works directly on the database, whether the service runs or not. */
  withDb(work: (context: { db: Knex; rpcPort: number }) => Promise<void>): Promise<void>
}

interface ImportFlags {
  json?: string
  mappingFile?: string
  fromEnv?: boolean
  dryRun?: boolean
}

const jsonHelp = 'a JSON file: [{name, ip, pubkey?, rpc_port?}] or {ip: {name, pubkey?, rpc_port?}}'
const mappingHelp =
  'a Python file with PILLAR_MAPPING = {ip: {"name", "pubkey"}}; it is parsed, never executed'

/**
 * Adds `nodes import` and `nodes rebuild`. The import exits with 1 if a node was rejected; the others are imported.
 * @returns `nodes`, to which commands that call the API are added
 */
export function registerNodeCommands(program: Command, deps: NodeCommandDeps): Command {
  const nodes = program.command('nodes').description("manage the bridge's nodes")
  registerRebuild(nodes, deps)
  withoutContext(nodes.command('import'))
    .description(
      'add nodes from a list, directly in the database; update those with the same name or address',
    )
    .addOption(new Option('--json <file>', jsonHelp).conflicts(['mappingFile', 'fromEnv']))
    .addOption(new Option('--mapping-file <file>', mappingHelp).conflicts('fromEnv'))
    .option('--from-env', 'read ORCHESTRATOR_IP_<n>, ORCHESTRATOR_NAME_<n>, ORCHESTRATOR_PUBKEY_<n>')
    .option('--dry-run', 'report the changes without making them')
    .action(async (flags: ImportFlags) => {
      const found = await find(flags, deps.env)
      if (found.entries.length + found.rejected.length === 0) throw new UsageFault('there is no node in it')
      const { importNodes } = await import('./import/upsert.ts')
      await deps.withDb(async ({ db, rpcPort }) => {
        const options = { defaultPort: rpcPort, dryRun: flags.dryRun === true }
        const report = await importNodes(db, found, options)
        for (const line of linesOf(report, options.dryRun)) deps.stdout.write(`${plain(line)}\n`)
        if (report.rejected.length > 0) deps.exitWith(exitCodes.failed)
      })
    })
  return nodes
}

interface RebuildFlags {
  from?: Date
  to?: Date
}

/** Adds `nodes rebuild`, for samples that were changed by hand or sums that seem wrong. */
function registerRebuild(nodes: Command, deps: NodeCommandDeps): void {
  const help = 'YYYY-MM-DD, UTC'
  withoutContext(nodes.command('rebuild'))
    .description('recompute the hourly and daily sums of whole days, directly in the database')
    .addOption(
      new Option('--from <day>', `first day, ${help}; default: the oldest day with samples`).argParser(dayOf),
    )
    .addOption(
      new Option('--to <day>', `day after the last one, ${help}; default: tomorrow`).argParser(dayOf),
    )
    .action(async (flags: RebuildFlags) => {
      const { oldestWholeDay, rebuildRollups } = await import('./store/rollups.ts')
      await deps.withDb(async ({ db }) => {
        const oldest = await oldestWholeDay(db)
        if (oldest === undefined) throw new UsageFault('there are no samples')
        const { from = oldest, to = new Date(Date.now() + 24 * 3_600_000) } = flags
        // Retention removed the samples of earlier days: only their sums exist.
        if (from < oldest) throw new UsageFault(`there are samples from ${isoDay(oldest)} on only`)
        if (from >= to) throw new UsageFault('--from has to be before --to')
        const days = { from, to: new Date(`${isoDay(to)}T00:00:00Z`) }
        await db.transaction((trx) => rebuildRollups(trx, days))
        deps.stdout.write(`rebuilt ${isoDay(days.from)} to ${isoDay(days.to)}\n`)
      })
    })
}

const isoDay = (time: Date) => time.toISOString().slice(0, 10)

function dayOf(text: string): Date {
  const day = new Date(`${text}T00:00:00Z`)
  if (/^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(day.getTime()) && isoDay(day) === text) return day
  throw new InvalidArgumentError('Expected a day like 2026-01-31.')
}

async function find(flags: ImportFlags, env: NodeJS.ProcessEnv): Promise<Found> {
  const { fromEnvironment, fromJson, fromMappingFile } = await import('./import/sources.ts')
  if (flags.json !== undefined) return fromJson(await textOf(flags.json))
  if (flags.mappingFile !== undefined) return fromMappingFile(await textOf(flags.mappingFile))
  if (flags.fromEnv) return fromEnvironment(env)
  throw new UsageFault('say where the nodes are: --json FILE, --mapping-file FILE or --from-env')
}

async function textOf(file: string): Promise<string> {
  const { readFile } = await import('node:fs/promises')
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new UsageFault(`${file} can't be read (${errorCode(error) ?? 'unknown'})`)
  }
}

function linesOf(report: ImportReport, dryRun: boolean): string[] {
  const { created, updated, unchanged, rejected } = report
  return [
    ...created.map((name) => `created    ${name}`),
    ...updated.map(({ name, changes }) => `updated    ${name} (${changes.join(', ')})`),
    ...unchanged.map((name) => `unchanged  ${name}`),
    ...rejected.map(({ where, name, reason }) => `rejected   ${name ?? '-'} (${where}): ${reason}`),
    `${created.length} created, ${updated.length} updated, ${unchanged.length} unchanged, ${rejected.length} rejected`,
    ...(dryRun ? ['(a dry run: nothing was changed)'] : []),
  ]
}
