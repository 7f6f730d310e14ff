import { readFileSync } from 'node:fs'
import type { CredentialReader } from '../../src/release-tracker/index.ts'

/**
 * Reads the kubeconfig of a fake cluster in this process. The process of its own that production starts loads Kubernetes'
 * client, which takes more than a second of a core each time; the tests of kubeconfigs use it.
 */
export const readFakeKubeconfig: CredentialReader = async (source) => {
  if (source.kind !== 'kubeconfig') throw new Error('a fake cluster has a kubeconfig')
  const { clusters, users } = JSON.parse(readFileSync(source.files[0] ?? '', 'utf8'))
  const [{ cluster }] = clusters
  const [{ user }] = users
  const headers = { Authorization: `Bearer ${user.token}` }
  return { server: cluster.server, headers, tls: {}, proxyUrl: undefined }
}
