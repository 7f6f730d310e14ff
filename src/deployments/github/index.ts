import type { Dispatcher } from 'undici'
import type { Logger } from '../../platform/logging/logging.ts'
import type { GitHubConfig } from '../config.ts'
import { asApp, createGitHubRequest } from './app.ts'
import { createGitHubRepository, type GitHubRepository } from './repository.ts'
import { createInstallationTokens, type InstallationTokens, notConfigured } from './tokens.ts'

/** GitHub as one App sees it. */
export interface GitHub {
  configured: boolean
  baseUrl: string
  tokens: InstallationTokens
  repository: GitHubRepository
}

/** Without an App, every call is refused with AUTH_001. */
export function createGitHub(about: { config: GitHubConfig; dispatcher: Dispatcher; log: Logger }): GitHub {
  const { config, dispatcher, log } = about
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
  const options = { app: { ...app, baseUrl }, dispatcher, log }
  const request = createGitHubRequest(options)
  const signed = asApp(options, request)
  const tokens = createInstallationTokens(signed)
  const repository = createGitHubRepository({ request, asApp: signed, tokens })
  return { configured: true, baseUrl, tokens, repository }
}
