import { flushCompileCache } from 'node:module'
import { HttpMethod, KubeConfig, RequestContext } from '@kubernetes/client-node'
import { setGlobalDispatcher } from 'undici'
import { createOutgoing } from '../../platform/network/outgoing.ts'
import { endProcess } from '../../platform/process/process-end.ts'
import type { ClusterSource, Credentials, CredentialsAnswer } from './credentials.ts'
import { loadKubeconfig } from './kubeconfig.ts'

/**
 * A separate program, started by `credentials.ts`. Kubeconfigs refer to files, exec plugins and token refreshes, which
 * Kubernetes' own client supports. It sends one answer to its parent process.
 */
async function main(): Promise<void> {
  // The client renews tokens with Node's own `fetch`, which does not support proxies by itself.
  setGlobalDispatcher(createOutgoing())
  const source: ClusterSource = JSON.parse(process.argv[2] ?? '{}')
  const answer = await read(source).catch(
    (): CredentialsAnswer => ({ fault: 'the credentials of the kubeconfig could not be read' }),
  )
  // The parent process ends this one as soon as it has the answer.
  flushCompileCache()
  process.send?.(answer, () => endProcess(0))
}

async function read(source: ClusterSource): Promise<CredentialsAnswer> {
  let kubeConfig: KubeConfig | undefined
  try {
    kubeConfig = load(source)
  } catch {
    return { fault: 'KUBECONFIG could not be read' }
  }
  if (kubeConfig === undefined) return { fault: 'KUBECONFIG could not be read: none of its files exists' }
  const cluster = kubeConfig.getCurrentCluster()
  if (cluster === null) return { fault: 'the kubeconfig has no current cluster' }
  // Plain HTTP has no certificate to check, but the client refuses it without this option.
  if (cluster.server.startsWith('http:')) Object.assign(cluster, { skipTLSVerify: true })
  const request = new RequestContext(cluster.server, HttpMethod.GET)
  await kubeConfig.applySecurityAuthentication(request)
  const options: Record<string, unknown> = {}
  await kubeConfig.applyToHTTPSOptions(options)
  return {
    credentials: {
      server: cluster.server.replace(/\/+$/, ''),
      headers: request.getHeaders(),
      tls: tlsOf(options),
      proxyUrl: cluster.proxyUrl || undefined,
    },
  }
}

function load(source: ClusterSource): KubeConfig | undefined {
  if (source.kind === 'kubeconfig') return loadKubeconfig(source.files)
  const kubeConfig = new KubeConfig()
  kubeConfig.loadFromCluster()
  return kubeConfig
}

/** Texts only, as a message between processes can carry them. */
function tlsOf(options: Record<string, unknown>): Credentials['tls'] {
  const tls: Credentials['tls'] = {}
  for (const name of ['ca', 'cert', 'key', 'passphrase', 'servername'] as const) {
    const value = options[name]
    if (typeof value === 'string' || Buffer.isBuffer(value)) tls[name] = value.toString()
  }
  if (options.rejectUnauthorized === false) tls.rejectUnauthorized = false
  return tls
}

await main()
