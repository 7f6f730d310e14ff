import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { KubeConfig, loadAllYaml } from '@kubernetes/client-node'
import { z } from 'zod'
import { errorCode } from '../../platform/thrown.ts'

/** Describes only the fields that name files; all others pass unchanged. */
const named = z.looseObject({ name: z.string() })
const file = z.looseObject({
  clusters: z
    .array(named.extend({ cluster: z.looseObject({ 'certificate-authority': z.string().nullish() }) }))
    .nullish(),
  users: z
    .array(
      named.extend({
        user: z
          .looseObject({
            'client-certificate': z.string().nullish(),
            'client-key': z.string().nullish(),
            token: z.string().nullish(),
            tokenFile: z.string().nullish(),
            exec: z.looseObject({ command: z.string() }).nullish(),
            'auth-provider': z
              .looseObject({
                config: z.looseObject({ 'idp-certificate-authority': z.string().nullish() }).nullish(),
              })
              .nullish(),
          })
          .nullish(),
      }),
    )
    .nullish(),
  contexts: z.array(named).nullish(),
  'current-context': z.string().nullish(),
})
type KubeconfigFile = z.infer<typeof file>
type Entries = { name: string }[] | null | undefined

/**
 * Reads and merges kubeconfigs as kubectl does: missing and empty files are skipped, and the first file that names a
 * cluster, a user, a context or the current context decides.
 * @returns undefined when none of the files exists. @throws when one can't be read or is no kubeconfig
 */
export function loadKubeconfig(files: string[]): KubeConfig | undefined {
  const found = files.map(readKubeconfig).filter((each) => each !== undefined)
  if (found.length === 0) return undefined
  const merged = {
    clusters: firstOfEachName(found.map((each) => each.clusters)),
    users: firstOfEachName(found.map((each) => each.users)),
    contexts: firstOfEachName(found.map((each) => each.contexts)),
    'current-context': found.map((each) => each['current-context']).find(Boolean),
  }
  const kubeConfig = new KubeConfig()
  // JSON is YAML.
  kubeConfig.loadFromString(JSON.stringify(merged))
  return kubeConfig
}

function firstOfEachName(lists: Entries[]) {
  const all = lists.flatMap((list) => list ?? [])
  return all.filter((entry, at) => all.findIndex(({ name }) => name === entry.name) === at)
}

function readKubeconfig(path: string): KubeconfigFile | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
  const content = file.parse(loadAllYaml(text.replace(/^\uFEFF/, ''))[0] ?? {})
  return withAbsolutePaths(content, resolve(dirname(path)))
}

/** Paths in a kubeconfig are relative to its own folder, not to the folder of the process. */
function withAbsolutePaths(content: KubeconfigFile, folder: string): KubeconfigFile {
  for (const { cluster } of content.clusters ?? []) makeAbsolute(cluster, 'certificate-authority', folder)
  for (const { user } of content.users ?? []) {
    if (user == null) continue
    makeAbsolute(user, 'client-certificate', folder)
    makeAbsolute(user, 'client-key', folder)
    const { exec, tokenFile } = user
    // A bare name is a program on the PATH.
    if (exec?.command.includes('/')) exec.command = resolve(folder, exec.command)
    // The library knows the file by a name of its own, and would take the token first.
    if (tokenFile) Object.assign(user, { token: null, 'token-file': resolve(folder, tokenFile) })
    const provider = user['auth-provider']?.config
    if (provider != null) makeAbsolute(provider, 'idp-certificate-authority', folder)
  }
  return content
}

function makeAbsolute(entry: Record<string, unknown>, name: string, folder: string): void {
  const path = entry[name]
  if (typeof path === 'string' && path !== '') entry[name] = resolve(folder, path)
}
