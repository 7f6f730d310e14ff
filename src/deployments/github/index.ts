import type { Dispatcher } from 'undici'
import type { Logger } from '../../platform/logging/logging.ts'
import type { GitHubConfig } from '../config.ts'
import { asApp, createGitHubRequest } from './app.ts'
import { createGitHubRepository, type GitHubRepository } from './repository.ts'
import { createInstallationTokens, type InstallationTokens, notConfigured } from './tokens.ts'

/** The GitHub access of one App. */
export interface GitHub {
  configured: boolean
  baseUrl: string
  tokens: InstallationTokens
  repository: GitHubRepository
}

/** Creates the GitHub access. Without a configured App, every call fails with AUTH_001. */
export function createGitHub(options: { config: GitHubConfig; dispatcher: Dispatcher; log: Logger }): GitHub {
  const { config, dispatcher, log } = options
  const { baseUrl, app } = config
  if (app === undefined) {
    const refuse = () => Promise.reject(notConfigured())
    const repository: GitHubRepository = {
      checks: refuse,
      find: refuse,
      create: refuse,
      latestState: refuse,
      setState: refuse,
      setCommitStatus: refuse,
    }
    return { configured: false, baseUrl, tokens: { get: refuse }, repository }
  }
  const appOptions = { app: { ...app, baseUrl }, dispatcher, log }
  const request = createGitHubRequest(appOptions)
  const signed = asApp(appOptions, request)
  const tokens = createInstallationTokens(signed)
  const repository = createGitHubRepository({ request, asApp: signed, tokens })
  return { configured: true, baseUrl, tokens, repository }
}
