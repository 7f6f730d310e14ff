import { type Command, Option } from 'commander'
import {
  addApiCommand,
  type CommandDeps,
  listOption,
  numberOption,
  table,
  timeOption,
} from '../../cli/index.ts'
import { findNode } from './nodes.ts'

interface WindowFlags {
  from?: string
  to: string
  reason: string
  node?: string[]
}

/** Adds `windows list`, `windows add` and `windows remove`. */
export function registerWindowCommands(program: Command, deps: CommandDeps): void {
  const about = 'manage maintenance windows, in which nodes that are offline do not count'
  const group = program.command('windows').description(about)
  addApiCommand<{ limit: number }>(
    group,
    deps,
    {
      name: 'list',
      about: 'list maintenance windows, newest first',
      options: [numberOption('--limit <number>', 'maximum number of windows', 1, 500).default(100)],
    },
    async ({ api, flags, out }) => {
      const answer = await api.call('listMaintenanceWindows', { query: flags })
      const rows = answer.windows.map((each) => [
        ...[each.id, each.node_ids === null ? 'all' : each.node_ids.join(' '), each.from, each.to],
        ...[each.created_by, each.reason],
      ])
      out.answer(table(['id', 'nodes', 'from', 'to', 'by', 'reason'], rows), answer)
    },
  )
  addApiCommand<WindowFlags>(
    group,
    deps,
    {
      name: 'add',
      about: 'add a maintenance window',
      options: [
        timeOption('--from <time>', 'begin; default: now', 'any'),
        timeOption('--to <time>', 'end', 'any').makeOptionMandatory(),
        new Option('--reason <text>', 'what is done').makeOptionMandatory(),
        listOption('--node <node>', 'id or name of a node; default: all nodes'),
      ],
    },
    async ({ api, flags, out }) => {
      const { from = new Date().toISOString(), to, reason, node = [] } = flags
      const ids = await Promise.all(node.map(async (each) => (await findNode(api, each)).id))
      const scope = ids.length === 0 ? 'all' : 'nodes'
      const body = { from, to, reason, scope, ...(scope === 'nodes' && { node_ids: ids }) } as const
      const answer = await api.call('createMaintenanceWindow', { body })
      out.answer([`Added the window ${answer.id}, from ${answer.from} to ${answer.to}`], answer)
    },
  )
  addApiCommand(
    group,
    deps,
    { name: 'remove', about: 'delete a maintenance window', args: { '<id>': 'id of the window' } },
    async ({ api, args: [id = ''], out }) => {
      out.answer([`Deleted the window ${id}`], await api.call('deleteMaintenanceWindow', { path: { id } }))
    },
  )
}
