import { groupField } from '../kinds.ts'
import type { CurrentRow } from '../store/releases.ts'

interface Side {
  image_repo: string
  image_name: string
  image_tag: string
  image_sha: string | null
  first_seen: string
  last_seen: string
}

export interface Compared {
  namespace: string
  workload_kind: string
  /** Of kinds that are not Kubernetes' own. */
  workload_group?: string
  workload_name: string
  container_name: string
  left: Side | null
  right: Side | null
  /** What is not the same; a mirror's address alone makes no difference. */
  differs: ('image_tag' | 'image_sha')[]
}

export interface Comparison {
  same: Compared[]
  different: Compared[]
  only_left: Compared[]
  only_right: Compared[]
}

/** Puts two environments side by side, container by container. */
export function compare(left: CurrentRow[], right: CurrentRow[]): Comparison {
  const others = new Map(right.map((row) => [keyOf(row), row]))
  const result: Comparison = { same: [], different: [], only_left: [], only_right: [] }
  for (const row of left) {
    const other = others.get(keyOf(row))
    others.delete(keyOf(row))
    const pair = compared(row, other)
    if (other === undefined) result.only_left.push(pair)
    else (pair.differs.length === 0 ? result.same : result.different).push(pair)
  }
  for (const row of others.values()) result.only_right.push(compared(undefined, row))
  return result
}

const keyOf = ({ namespace, api_group, kind, workload, container }: CurrentRow) =>
  `${namespace}/${api_group}/${kind}/${workload}/${container}`

function compared(left: CurrentRow | undefined, right: CurrentRow | undefined): Compared {
  const row = (left ?? right) as CurrentRow
  const parts = ['image_tag', 'image_sha'] as const
  return {
    namespace: row.namespace,
    workload_kind: row.kind,
    ...groupField(row.api_group),
    workload_name: row.workload,
    container_name: row.container,
    left: left === undefined ? null : sideOf(left),
    right: right === undefined ? null : sideOf(right),
    differs: left && right ? parts.filter((part) => differ(left[part], right[part])) : [],
  }
}

/** A digest that is not known may be the same. */
const differ = (a: string | null, b: string | null) => a !== null && b !== null && a !== b

const sideOf = (row: CurrentRow): Side => ({
  image_repo: row.image_repo,
  image_name: row.image_name,
  image_tag: row.image_tag,
  image_sha: row.image_sha,
  first_seen: row.first_seen.toISOString(),
  last_seen: row.last_seen.toISOString(),
})
