import { spawn } from 'node:child_process'
import { type Command, Option } from 'commander'
import { type CommandDeps, plain, UsageFault } from '../index.ts'
import { addApiCommand } from './api-command.ts'

const pages = { console: '/admin', docs: '/docs', login: '/login' } as const

interface OpenFlags {
  print?: boolean
  environment?: 'staging' | 'production'
}

/** Adds `open`. */
export function registerOpenCommand(program: Command, deps: CommandDeps): void {
  addApiCommand<OpenFlags>(
    program,
    deps,
    {
      name: 'open',
      about: 'open a page of the service, or a deployed app, in the browser',
      args: { '[page]': `${Object.keys(pages).join(', ')}, or the name of an app; default: console` },
      options: [
        new Option('--print', 'only print the address'),
        new Option('--environment <environment>', 'environment of the app').choices([
          'staging',
          'production',
        ]),
      ],
    },
    async ({ client, args: [page = 'console'], flags, out }) => {
      const path = Object.hasOwn(pages, page) ? pages[page as keyof typeof pages] : undefined
      const url =
        path === undefined ? await addressOfApp(client, page, flags.environment) : `${client.url}${path}`
      const opened = flags.print !== true && openBrowser(deps.shellEnv, url)
      out.answer([plain(url)], { url, opened })
    },
  )
}

/** Adds `openapi`. */
export function registerOpenApiCommand(program: Command, deps: CommandDeps): void {
  const about = 'print the OpenAPI document of the service'
  addApiCommand(program, deps, { name: 'openapi', about }, async ({ api, out }) => {
    const document = await api.call('getOpenApiDocument')
    out.answer([JSON.stringify(document, null, 2)], document)
  })
}

async function addressOfApp(
  { api }: Awaited<ReturnType<CommandDeps['client']>>,
  app: string,
  wanted: OpenFlags['environment'],
): Promise<string> {
  const { apps } = await api.call('listApps')
  const places = apps.filter(
    (each) => each.appName === app && (wanted ?? each.environment) === each.environment,
  )
  const [only, other] = places
  if (only === undefined)
    throw new UsageFault(`No app ${plain(app)} is deployed; capstan deploy apps lists them`)
  if (other !== undefined) throw new UsageFault(`${app} is deployed to both environments: add --environment`)
  const { urls } = await api.call('getDeploymentStatus', { path: { id: only.deploymentId } })
  const url = urls[only.environment]
  if (url === null || !/^https?:\/\//.test(url))
    throw new UsageFault(`${app} has no address in ${only.environment}`)
  return url
}

/** Opens an address in the user's browser. @returns false where there is none, as on a server */
function openBrowser(env: NodeJS.ProcessEnv, url: string): boolean {
  const isMac = process.platform === 'darwin'
  const hasDesktop = isMac || Boolean(env.DISPLAY || env.WAYLAND_DISPLAY)
  const program = env.BROWSER || (hasDesktop ? (isMac ? 'open' : 'xdg-open') : undefined)
  if (program === undefined) return false
  // A browser runs for days and starts other programs: it gets neither a token nor the settings of a `.env`.
  const own = Object.fromEntries(Object.entries(env).filter(([name]) => !/^CAPSTAN_/i.test(name)))
  const child = spawn(program, [url], { stdio: 'ignore', detached: true, env: own })
  // The address is printed in any case.
  child.on('error', () => undefined)
  child.unref()
  return true
}
