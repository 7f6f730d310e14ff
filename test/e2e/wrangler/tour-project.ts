import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const code = (text: string) => `
export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url)
    console.log('visited ' + pathname)
    if (pathname === '/throw') throw new Error('thrown on purpose')
    if (pathname === '/send') await env.JOBS.send({ at: Date.now() })
    const file = await env.FILES.get('a/b.txt')
    const { results } = await env.DB.prepare('select name from books order by id').all()
    return Response.json({
      text: ${JSON.stringify(text)},
      value: await env.CACHE.get('greeting'),
      file: file === null ? null : (await file.text()).trim(),
      books: results.map((each) => each.name),
      consumed: await env.CACHE.get('consumed'),
      secret: env.KEY ?? null,
    })
  },
  async queue(batch, env) {
    await env.CACHE.put('consumed', String(batch.messages.length))
  },
  async scheduled() {},
}`

/** A project with a namespace, a bucket, a database, a queue and a schedule, whose ids wrangler prints. */
export function writeTourProject(directory: string) {
  const write = (name: string, content: string) => writeFileSync(join(directory, name), content)
  mkdirSync(join(directory, 'migrations'), { recursive: true })
  write('migrations/0001_books.sql', 'create table books (id integer primary key, name text not null);\n')
  write('migrations/0002_first.sql', "insert into books (name) values ('first; book');\n")
  write('file.txt', 'from a file\n')
  write('keys.json', '["one","two"]')
  write('values.json', '[{"key":"one","value":"1"},{"key":"two","value":"2","metadata":{"of":"two"}}]')
  write('import.sql', "insert into books (name) values ('second'), ('third');\n")
  return {
    code: (text: string) => write('index.js', code(text)),
    configure(ids: { namespace: string; database: string; crons: string[] }) {
      const config = {
        name: 'tour',
        main: 'index.js',
        compatibility_date: '2026-05-01',
        kv_namespaces: [{ binding: 'CACHE', id: ids.namespace }],
        r2_buckets: [{ binding: 'FILES', bucket_name: 'tour-files' }],
        d1_databases: [{ binding: 'DB', database_name: 'tour-books', database_id: ids.database }],
        queues: {
          producers: [{ binding: 'JOBS', queue: 'tour-jobs' }],
          consumers: [{ queue: 'tour-jobs', max_batch_timeout: 0, dead_letter_queue: 'tour-dead' }],
        },
        triggers: { crons: ids.crons },
      }
      write('wrangler.json', JSON.stringify(config))
    },
  }
}
