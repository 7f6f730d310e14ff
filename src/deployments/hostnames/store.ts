import type { Knex } from 'knex'
import type { Environment } from '../config.ts'

/** All host names that deployments of an app ever configured, and the marks of their DNS records. */
export async function madeHostnames(
  db: Knex,
  app: string,
  environment: Environment,
): Promise<{ hostnames: string[]; marks: string[] }> {
  const rows: { id: string; hostnames: string[] }[] = await db('deployments as d')
    .join('plans as p', 'p.id', 'd.id')
    .where({ 'd.app': app, 'd.environment': environment })
    .whereRaw("p.config -> 'hostnames' is not null")
    .select('d.id', db.raw("p.config -> 'hostnames' as hostnames"))
  const hostnames = [...new Set(rows.flatMap((row) => row.hostnames))]
  return { hostnames, marks: rows.map(({ id }) => id) }
}
