import { type Command, Option } from 'commander'
import type { CapstanClient, components } from '../../../client/src/index.ts'
import {
  addApiCommand,
  type CommandDeps,
  choiceOption,
  facts,
  numberOption,
  table,
  timeOption,
  UsageFault,
} from '../../cli/index.ts'

type Node = components['schemas']['OrchestratorNode']

const oneNode = { '<node>': 'id or name of the node' }

/** Adds `nodes list`, `show`, `add`, `edit`, `remove` and `history`, which call the API. */
export function registerNodeApiCommands(nodes: Command, deps: CommandDeps): void {
  addReading(nodes, deps)
  addHistory(nodes, deps)
  addChanges(nodes, deps)
}

function addReading(nodes: Command, deps: CommandDeps): void {
  const all = new Option('--all', 'deactivated nodes, too')
  addApiCommand<{ all?: boolean }>(
    nodes,
    deps,
    { name: 'list', about: 'list the nodes that are monitored', options: [all] },
    async ({ api, flags, out }) => {
      const answer = await api.call('listNodes', { query: { active_only: flags.all ? 'false' : 'true' } })
      const rows = answer.nodes.map((each) => [
        each.id,
        each.name,
        addressOf(each),
        stateOf(each),
        each.created_at,
      ])
      out.answer(table(['id', 'name', 'address', 'state', 'created'], rows), answer)
    },
  )
  addApiCommand(
    nodes,
    deps,
    { name: 'show', about: 'show a node', args: oneNode },
    async ({ api, args, out }) => {
      const node = await findNode(api, args[0])
      out.answer(nodeLines(node), node)
    },
  )
}

interface HistoryFlags {
  since?: string
  until?: string
  limit: number
  format: 'json' | 'csv'
}

function addHistory(nodes: Command, deps: CommandDeps): void {
  addApiCommand<HistoryFlags>(
    nodes,
    deps,
    {
      name: 'history',
      about: 'show the samples of a node, newest first',
      args: oneNode,
      options: [
        timeOption('--since <time>', 'earliest sample', 'past'),
        timeOption('--until <time>', 'latest sample', 'past'),
        numberOption('--limit <number>', 'maximum number of samples', 1, 1000).default(50),
        choiceOption('--format <format>', 'csv prints a table for spreadsheets', ['json', 'csv']).default(
          'json',
          'a table for people',
        ),
      ],
    },
    async ({ api, args, flags, out, deps: { stdout } }) => {
      const { id } = await findNode(api, args[0])
      const { since, until, limit, format } = flags
      const query = {
        page_size: limit,
        ...(since && { start_time: since }),
        ...(until && { end_time: until }),
      }
      if (format === 'csv') {
        stdout.write(await api.text('getNodeHistory', { path: { id }, query: { ...query, format } }))
        return
      }
      const answer = await api.call('getNodeHistory', { path: { id }, query })
      const rows = answer.snapshots.map((each) => [
        each.timestamp,
        each.sample,
        each.state_name,
        each.is_online ? 'online' : 'offline',
        each.response_time_ms === null ? null : `${Math.round(each.response_time_ms)} ms`,
        each.error_message,
      ])
      const lines = table(['time', 'sample', 'state', 'answered', 'took', 'error'], rows)
      if (answer.total > rows.length) lines.push(`(the latest ${rows.length} of ${answer.total})`)
      out.answer(lines, answer)
    },
  )
}

interface NodeFlags {
  name?: string
  address?: string
  pubkey?: string
  port?: number
  state?: 'active' | 'inactive'
}

function addChanges(nodes: Command, deps: CommandDeps): void {
  const pubkey = () => new Option('--pubkey <key>', 'public key of the node')
  const port = () => numberOption('--port <port>', 'port of its RPC', 1, 65_535)
  addApiCommand<NodeFlags>(
    nodes,
    deps,
    {
      name: 'add',
      about: 'add a node',
      args: { '<name>': 'name of the node', '<address>': 'IP address of the node' },
      options: [pubkey(), port()],
    },
    async ({ api, args: [name = '', ip_address = ''], flags, out }) => {
      const node = await api.call('addNode', { body: { name, ip_address, ...fieldsOf(flags) } })
      out.answer([`Added the node ${name}`, ...nodeLines(node)], node)
    },
  )
  addApiCommand<NodeFlags>(
    nodes,
    deps,
    {
      name: 'edit',
      about: 'change a node',
      args: oneNode,
      options: [
        new Option('--name <name>', 'new name'),
        new Option('--address <address>', 'new IP address'),
        pubkey(),
        port(),
        choiceOption('--state <state>', 'inactive nodes are not monitored', ['active', 'inactive']),
      ],
    },
    async ({ api, args, flags, out }) => {
      const { name, address, state } = flags
      const body = {
        ...(name !== undefined && { name }),
        ...(address !== undefined && { ip_address: address }),
        ...(state !== undefined && { is_active: state === 'active' }),
        ...fieldsOf(flags),
      }
      if (Object.keys(body).length === 0)
        throw new UsageFault('Say what to change; capstan nodes edit --help lists it')
      const { id } = await findNode(api, args[0])
      const node = await api.call('updateNode', { path: { id }, body })
      out.answer([`Changed the node ${node.name}`, ...nodeLines(node)], node)
    },
  )
  addApiCommand(
    nodes,
    deps,
    { name: 'remove', about: 'stop monitoring a node; its history stays', args: oneNode },
    async ({ api, args, out }) => {
      const { id, name } = await findNode(api, args[0])
      out.answer([`Deactivated the node ${name}`], await api.call('deactivateNode', { path: { id } }))
    },
  )
}

/** Finds a node by id or by name. @throws UsageFault if no node has the name */
export async function findNode(api: CapstanClient, node = ''): Promise<Node> {
  if (/^\d{1,10}$/.test(node)) return api.call('getNode', { path: { id: Number(node) } })
  const { nodes } = await api.call('listNodes', { query: { active_only: 'false' } })
  const found = nodes.find(({ name }) => name === node)
  if (found === undefined)
    throw new UsageFault(`No node is called ${node}; capstan nodes list --all shows them`)
  return found
}

const fieldsOf = ({ pubkey, port }: NodeFlags) => ({
  ...(pubkey !== undefined && { pubkey }),
  ...(port !== undefined && { rpc_port: port }),
})

const addressOf = ({ ip_address: ip, rpc_port }: Node) => `${ip.includes(':') ? `[${ip}]` : ip}:${rpc_port}`
const stateOf = ({ is_active }: Node) => (is_active ? 'active' : 'inactive')

const nodeLines = (node: Node): string[] =>
  facts([
    ['id', node.id],
    ['name', node.name],
    ['address', addressOf(node)],
    ['public key', node.pubkey],
    ['state', stateOf(node)],
    ['created', node.created_at],
  ])
