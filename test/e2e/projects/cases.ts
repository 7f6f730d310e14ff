/** A project of test/projects that both programs deploy. */
export interface DeployCase {
  project: string
  /** Default: production. */
  environment?: 'staging'
  /** Variables of the shell, which capstan reads and wrangler gets as a file of secrets. */
  secrets?: Record<string, string>
  /** True if the project names its own packages, and so has a wrangler of its own. */
  ownPackages?: true
  /** The program of Node, and its arguments, that builds the project. */
  build?: string[]
  /** Makes what both clouds need to have before. @returns texts of the configuration, and what to write in their place */
  before?(create: Create): Promise<Record<string, string>>
  /** Commands of wrangler that have to follow its `deploy` to do what `capstan deploy` does. */
  afterwards?: string[][]
  /** Requests whose answers are compared. */
  visits?: string[]
  /** The host name of the requests. Default: that of the Worker in the local cloud. */
  host?: string
}

/** Makes a resource of the account. @returns its id */
type Create = (path: string, json: object) => Promise<string>

const queues = (...names: string[]) => ({
  async before(create: Create) {
    for (const queue_name of names) await create('queues', { queue_name })
    return {}
  },
})

/** The sample of `npm test`. */
export const sampleCases: DeployCase[] = [
  {
    project: 'hono-api',
    secrets: { SESSION_KEY: 'a key of the tests' },
    afterwards: [['d1', 'migrations', 'apply', 'DB', '--remote']],
    visits: ['/', '/notes'],
  },
]

/** All projects but the one with a container, whose image Capstan copies from a registry: none runs here. */
export const projectCases: DeployCase[] = [
  ...sampleCases,
  {
    project: 'assets-app',
    visits: ['/', '/app.js', '/old', '/drafts/idea.txt', '/api/pictures', '/nowhere'],
  },
  { project: 'assets-only', visits: ['/', '/index.html', '/.well-known/security.txt', '/nowhere'] },
  { project: 'build-command', visits: ['/'] },
  { project: 'chat', visits: ['/room'] },
  { project: 'cron-queue', ...queues('mails', 'dead-mails') },
  { project: 'modules', visits: ['/'] },
  { project: 'no-bundle', visits: ['/', '/blog'] },
  {
    project: 'newsletter',
    environment: 'staging',
    ...namespaces('1123456789abcdef0123456789abcdef'),
    visits: ['/'],
    host: 'staging.news.example.org',
  },
  {
    project: 'pinned-wrangler',
    ownPackages: true,
    // This wrangler applies migrations only to a database whose id is written.
    before: async (create) => ({ '<database>': await create('d1/database', { name: 'ledger' }) }),
    afterwards: [['d1', 'migrations', 'apply', 'LEDGER', '--remote']],
    visits: ['/', '/entries', '/receipts'],
  },
  { project: 'post-only', visits: ['/'] },
  { project: 'router', visits: ['/', '/health'] },
  { project: 'service-pair/prices' },
  { project: 'service-pair/shop', visits: ['/', '/chair'], host: 'shop.example.org' },
  {
    project: 'storefront',
    ownPackages: true,
    build: ['node_modules/vite/bin/vite.js', 'build'],
    visits: ['/', '/products/chair', '/api/products', '/api/cart', '/assets/nothing.js'],
  },
  { project: 'vite-build', visits: ['/', '/assets/style-9c1d.css'] },
  { project: 'workflow', visits: ['/'] },
]

/** Namespaces in place of those with these ids, which the project's configuration names. */
function namespaces(...ids: string[]) {
  return {
    async before(create: Create) {
      const made: Record<string, string> = {}
      for (const id of ids)
        made[id] = await create('storage/kv/namespaces', { title: `sessions-${id.slice(0, 1)}` })
      return made
    },
  }
}
