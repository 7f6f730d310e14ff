import type { Command } from 'commander'
import { type CommandDeps, jsonOption, outputOf, withoutContext } from '../cli/index.ts'

/** Adds the command `cloud`, which prints how other programs reach the local cloud. */
export function registerCloudCommands(
  program: Command,
  deps: Pick<CommandDeps, 'env' | 'stdout' | 'stderr'>,
): void {
  withoutContext(program.command('cloud'))
    .description(
      "show the local cloud's URL, token and account id, and the variables for wrangler (prints the secret token)",
    )
    .addOption(jsonOption())
    .action(async (_flags: unknown, command: Command) => {
      const out = outputOf(deps, command)
      const cloud = await describe(deps.env, (line) => out.warn(line))
      out.answer(linesOf(cloud), cloud)
    })
}

type CloudDescription = Awaited<ReturnType<typeof describe>>

async function describe(env: NodeJS.ProcessEnv, note: (line: string) => void) {
  const { findLocalCloud } = await import('../cli/target/service.ts')
  const { configuredCloud } = await import('./config.ts')
  const { localCloudCredentials } = await import('./credentials.ts')
  const { dataDir, port, token } = findLocalCloud(env, configuredCloud, note)
  const { accountId, apiToken } = localCloudCredentials(dataDir, token)
  const url = `http://127.0.0.1:${port}`
  return {
    url,
    accountId,
    token: apiToken,
    environment: {
      CLOUDFLARE_API_BASE_URL: `${url}/client/v4`,
      CLOUDFLARE_API_TOKEN: apiToken,
      CLOUDFLARE_ACCOUNT_ID: accountId,
    },
    appHost: `<script>.localhost:${port}`,
  }
}

function linesOf({ url, accountId, token, environment, appHost }: CloudDescription): string[] {
  return [
    `URL         ${url}`,
    `Token       ${token}`,
    `Account id  ${accountId}`,
    '',
    'For wrangler:',
    ...Object.entries(environment).map(([name, value]) => `  export ${name}=${value}`),
    '',
    'The Host header selects the app. Its script is <name> in production and <name>-staging in staging:',
    `  curl -H 'Host: ${appHost}' ${url}/`,
  ]
}
