import type { Binding } from '../store/bindings.ts'
import type { Namespace, OwnedNamespace, Script } from '../store/scripts.ts'
import type { Deployment, Version } from '../store/versions.ts'

/** The response objects of the API. They contain no secrets: `publicBinding` lists the fields that are shown. */

const authorEmail = 'local-cloud@localhost'
const tagOf = (tag: string | null) => (tag === null ? {} : { migration_tag: tag })

export function scriptView(script: Script, serving: Version | undefined) {
  const code = serving && {
    etag: serving.code.etag,
    handlers: serving.code.handlers,
    named_handlers: serving.code.namedHandlers,
    compatibility_date: serving.code.compatibilityDate,
    compatibility_flags: serving.code.compatibilityFlags,
    usage_model: serving.code.usageModel,
    last_deployed_from: serving.source,
  }
  const { logpush = false, tags, tail_consumers: tails, observability } = script.settings
  return {
    id: script.name,
    tag: script.tag,
    tags: tags ?? [],
    created_on: script.createdOn,
    modified_on: script.modifiedOn,
    has_assets: serving?.code.assets !== undefined,
    has_modules: serving?.code.mainModule !== '',
    logpush,
    tail_consumers: tails ?? [],
    ...(observability ? { observability } : {}),
    ...tagOf(script.migrationTag),
    ...code,
  }
}

/** The response to an upload. `deployment_id` is the version's id without hyphens, as at Cloudflare. */
export function uploadView(script: Script, version: Version) {
  return {
    ...scriptView(script, version),
    ...(version.code.mainModule === '' ? {} : { entry_point: version.code.mainModule }),
    startup_time_ms: version.code.startupTimeMs,
    deployment_id: version.id.replaceAll('-', ''),
  }
}

export function serviceView(script: Script, serving: Version | undefined) {
  const dates = { created_on: script.createdOn, modified_on: script.modifiedOn }
  const environment = { environment: 'production', ...dates }
  return {
    id: script.name,
    ...dates,
    default_environment: { ...environment, script: scriptView(script, serving) },
    environments: [environment],
  }
}

/** A script in the newer API, from which wrangler reads the script's URL. */
export function workerView(script: Script, port: number | undefined) {
  const settings = settingsView(script)
  return {
    id: script.tag,
    name: script.name,
    created_on: script.createdOn,
    updated_on: script.modifiedOn,
    ...settings,
    observability: settings.observability ?? { enabled: false },
    subdomain: {
      enabled: script.subdomainEnabled,
      previews_enabled: script.previewsEnabled,
      url: `http://${script.name}.localhost:${port}`,
    },
  }
}

export function settingsView({ settings }: Script) {
  return {
    logpush: settings.logpush ?? false,
    observability: settings.observability ?? null,
    tags: settings.tags ?? [],
    tail_consumers: settings.tail_consumers ?? [],
  }
}

/** The versioned and the unversioned settings of a script, which `wrangler` compares before an upload. */
export function versionSettingsView(script: Script, serving: Version | undefined, namespaces: Namespace[]) {
  const code = serving && {
    compatibility_date: serving.code.compatibilityDate,
    compatibility_flags: serving.code.compatibilityFlags,
    usage_model: serving.code.usageModel,
    ...serving.code.settings,
  }
  const bindings = (serving?.bindings ?? []).map((binding) => publicBinding(binding, namespaces))
  const { observability, ...settings } = settingsView(script)
  const shown = observability === null ? settings : { ...settings, observability }
  return { bindings, ...code, ...shown, ...tagOf(script.migrationTag) }
}

export function versionSummary(version: Version) {
  return {
    id: version.id,
    number: version.number,
    metadata: {
      created_on: version.createdOn,
      modified_on: version.createdOn,
      source: version.source,
      author_email: authorEmail,
      hasPreview: false,
    },
    annotations: version.annotations,
  }
}

export function versionView(version: Version, namespaces: Namespace[]) {
  const { code } = version
  return {
    ...versionSummary(version),
    startup_time_ms: code.startupTimeMs,
    resources: {
      bindings: version.bindings.map((binding) => publicBinding(binding, namespaces)),
      script: {
        etag: code.etag,
        handlers: code.handlers,
        named_handlers: code.namedHandlers,
        last_deployed_from: version.source,
      },
      script_runtime: {
        compatibility_date: code.compatibilityDate,
        compatibility_flags: code.compatibilityFlags,
        usage_model: code.usageModel,
        ...(code.cpuMs === undefined ? {} : { limits: { cpu_ms: code.cpuMs } }),
        ...tagOf(version.migrationTag),
      },
    },
  }
}

function publicBinding(binding: Binding, namespaces: Namespace[]) {
  const { name, type } = binding
  switch (type) {
    case 'secret_text':
      return { name, type }
    case 'unknown':
      return binding.given
    case 'secret_key': {
      const { key_base64: _, key_jwk: __, ...rest } = binding
      return rest
    }
    case 'durable_object_namespace': {
      const { class_name: className, script_name: script } = binding
      const owner = script === undefined && namespaces.find((namespace) => namespace.className === className)
      return { ...binding, ...(owner ? { namespace_id: owner.namespaceId } : {}) }
    }
    default:
      return binding
  }
}

export function deploymentView(deployment: Deployment) {
  return {
    id: deployment.id,
    created_on: deployment.createdOn,
    source: deployment.source,
    strategy: 'percentage',
    versions: deployment.versions,
    annotations: deployment.annotations,
    author_email: authorEmail,
  }
}

export function namespaceView(namespace: OwnedNamespace) {
  return {
    id: namespace.namespaceId,
    name: `${namespace.scriptName}_${namespace.className}`,
    script: namespace.scriptName,
    class: namespace.className,
    use_sqlite: namespace.useSqlite,
  }
}
