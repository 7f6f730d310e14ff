/**
 * A script or a store of data, as a node of the graph whose connected parts are the groups. Scripts have the number of
 * their row, stores the id or name that Cloudflare's API uses.
 */
export type Node = `script:${number}` | StoreNode
/** A KV namespace by id, an R2 bucket by name, a D1 database by id, or a workflow by id. */
export type StoreNode = `${StoreKind}:${string}`
/** The kinds of data whose files are named by their id. */
export type DataKind = 'kv' | 'r2' | 'd1'
export type StoreKind = DataKind | 'workflow'

export const scriptNode = (scriptId: number): Node => `script:${scriptId}`

/** @returns the number of a script's row; undefined for the node of a store */
export function scriptIdOf(node: Node): number | undefined {
  const [kind, id] = node.split(':')
  return kind === 'script' ? Number(id) : undefined
}

/** @returns kind and id of a store; undefined for the node of a script */
export function storeOf(node: Node): { kind: StoreKind; id: string } | undefined {
  const [, kind, id = ''] = /^(kv|r2|d1|workflow):(.*)$/s.exec(node) ?? []
  return kind === 'kv' || kind === 'r2' || kind === 'd1' || kind === 'workflow' ? { kind, id } : undefined
}

/**
 * The nodes that are connected to `start`, itself included: they must run in one process, because a file of data has one
 * owner and Workers call each other inside their process only.
 * @param edges each connects two nodes
 */
export function connected(start: Node, edges: readonly (readonly [Node, Node])[]): Set<Node> {
  const neighbours = new Map<Node, Node[]>()
  for (const [one, other] of edges) {
    neighbours.set(one, [...(neighbours.get(one) ?? []), other])
    neighbours.set(other, [...(neighbours.get(other) ?? []), one])
  }
  const found = new Set([start])
  // A set can be extended while it is iterated.
  for (const node of found) for (const next of neighbours.get(node) ?? []) found.add(next)
  return found
}
