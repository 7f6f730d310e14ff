import type { KubeConfig } from '@kubernetes/client-node'
import type { Dispatcher } from 'undici'
import { ClusterFault } from './cluster.ts'

export type ClusterSource = { kind: 'in-cluster' } | { kind: 'kubeconfig'; files: string[] }

/** Where the API is, with what every call to it carries. */
export interface Connection {
  server: string
  headers: Record<string, string>
  /** Undefined: the process's own way out, for a server with usual certificates and no client's. */
  dispatcher: Dispatcher | undefined
}

/**
 * Credentials, certificates and proxies are read by Kubernetes' own client: kubeconfigs name files, run programs and
 * renew tokens in many ways. It is loaded when it is needed: 90 MB that a process without a cluster does not have.
 * @throws ClusterFault
 */
export async function connect(source: ClusterSource): Promise<Connection> {
  const library = await import('@kubernetes/client-node')
  const kubeConfig = load(new library.KubeConfig(), source, () => new library.KubeConfig())
  const cluster = kubeConfig.getCurrentCluster()
  if (cluster === null) throw new ClusterFault('the kubeconfig names no current cluster')
  // There is no certificate to check; the client would refuse unless it is told not to.
  if (cluster.server.startsWith('http:')) Object.assign(cluster, { skipTLSVerify: true })
  const request = new library.RequestContext(cluster.server, library.HttpMethod.GET)
  try {
    await kubeConfig.applySecurityAuthentication(request)
  } catch (error) {
    throw new ClusterFault('the credentials of the kubeconfig could not be read', { cause: error })
  }
  return {
    server: cluster.server.replace(/\/+$/, ''),
    headers: request.getHeaders(),
    dispatcher: request.getDispatcher() as Dispatcher | undefined,
  }
}

function load(into: KubeConfig, source: ClusterSource, another: () => KubeConfig): KubeConfig {
  if (source.kind === 'in-cluster') {
    into.loadFromCluster()
    return into
  }
  const [first, ...more] = source.files
  try {
    if (first !== undefined) into.loadFromFile(first)
    for (const file of more) {
      const next = another()
      next.loadFromFile(file)
      into.mergeConfig(next, true)
    }
    return into
  } catch (error) {
    throw new ClusterFault('KUBECONFIG could not be read', { cause: error })
  }
}
