import type { Setting } from './settings.ts'

const command = (name: string, meaning: string, details: Partial<Setting> = {}): Setting => ({
  ...{ name, meaning, group: 'The command line', usedBy: ['commands'], fallback: undefined },
  ...details,
})
const network = (name: string, meaning: string): Setting => ({
  ...{ name, meaning, group: 'Outgoing calls', usedBy: ['web', 'worker', 'commands'], fallback: undefined },
  secret: true,
})

/** Variables that are not part of the configuration of a process, but that Capstan's programs read. */
export const otherVariables: readonly Setting[] = [
  network('HTTPS_PROXY', 'proxy for https'),
  network('HTTP_PROXY', 'proxy for http, and for https if HTTPS_PROXY is not set'),
  {
    ...network('NO_PROXY', 'hosts, addresses and networks that are called directly (docs/architecture.md)'),
    secret: false,
  },
  command('CAPSTAN_URL', 'address of the service', { without: 'the running installation of this machine' }),
  command('CAPSTAN_TOKEN', 'API token for that service', { secret: true }),
  command('CAPSTAN_PASSWORD', 'password for `capstan admin create` and `reset-password`', {
    secret: true,
    without: 'a question on the terminal',
  }),
  command('CAPSTAN_PULL_PASSWORD', 'password for the registry of `capstan deploy --pull-user`', {
    secret: true,
    without: 'a question on the terminal',
  }),
  {
    ...command('CAPSTAN_ENV_FILE', 'file with settings; empty: none (docs/command-line.md)'),
    usedBy: ['web', 'worker', 'migrate', 'local cloud', 'commands'],
    without: '.env of the current folder, else of the checkout',
  },
]
