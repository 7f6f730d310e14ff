import type { Knex } from 'knex'
import { type Route, route } from '../../platform/http/index.ts'
import type { OrchestratorsConfig } from '../config.ts'
import { newNodeBody, nodePatchBody, nodePath, nodesQuery } from '../schema.ts'
import { addNode, changeNode, getNode } from '../service.ts'
import { listNodes, type NodeFields, type OrchestratorNode } from '../store/nodes.ts'
import { operation } from './operation.ts'

const at = '/api/v1/orchestrators'

export function nodeRoutes(options: { db: Knex; config: OrchestratorsConfig }): Route[] {
  const { db, config } = options
  const read = { method: 'get', access: 'orchestrators:read', invalidStatus: 422 } as const
  const write = { access: 'orchestrators:write', invalidStatus: 422 } as const
  return [
    route({
      ...operation('listNodes'),
      ...read,
      path: at,
      query: nodesQuery,
      async handle({ query }) {
        const nodes = (await listNodes(db, { activeOnly: query.active_only })).map(nodeView)
        return { body: { nodes, total: nodes.length } }
      },
    }),
    route({
      ...operation('addNode'),
      ...write,
      method: 'post',
      path: at,
      body: newNodeBody,
      handle: ({ body, commit }) =>
        commit(async (trx) => {
          const { name, ip_address: ipAddress, pubkey = null, rpc_port: rpcPort = config.rpcPort } = body
          const node = await addNode(trx, { name, ipAddress, pubkey, rpcPort, isActive: true })
          return { body: nodeView(node) }
        }),
    }),
    route({
      ...operation('getNode'),
      ...read,
      path: `${at}/:id`,
      params: nodePath,
      handle: async ({ params }) => ({ body: nodeView(await getNode(db, params.id)) }),
    }),
    route({
      ...operation('updateNode'),
      ...write,
      method: 'patch',
      path: `${at}/:id`,
      params: nodePath,
      body: nodePatchBody,
      handle: ({ params, body }) =>
        db.transaction(async (trx) => {
          const changes: Partial<NodeFields> = {
            ...(body.name !== undefined && { name: body.name }),
            ...(body.ip_address !== undefined && { ipAddress: body.ip_address }),
            ...(body.pubkey !== undefined && { pubkey: body.pubkey }),
            ...(body.rpc_port !== undefined && { rpcPort: body.rpc_port }),
            ...(body.is_active !== undefined && { isActive: body.is_active }),
          }
          return { body: nodeView(await changeNode(trx, params.id, changes)) }
        }),
    }),
    route({
      ...operation('deactivateNode'),
      ...write,
      method: 'delete',
      path: `${at}/:id`,
      params: nodePath,
      async handle({ params }) {
        await db.transaction((trx) => changeNode(trx, params.id, { isActive: false }))
        return { body: { status: 'success', message: 'Node deactivated' } }
      },
    }),
  ]
}

const nodeView = (node: OrchestratorNode) => ({
  id: node.id,
  name: node.name,
  ip_address: node.ipAddress,
  pubkey: node.pubkey,
  rpc_port: node.rpcPort,
  is_active: node.isActive,
  created_at: node.createdAt.toISOString(),
})
