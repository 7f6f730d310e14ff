import { propertiesOf } from '../../../../platform/thrown.ts'
import type { UploadMetadata } from '../reading/form.ts'

const versionFields = ['cache_options', 'limits', 'placement', 'streaming_tail_consumers']
const scriptFields = ['logpush', 'observability', 'tags', 'tail_consumers']
/** Fields that other parts of the request contain, or that Capstan writes itself. */
const otherFields = [
  'annotations',
  'assets',
  'bindings',
  'body_part',
  'compatibility_date',
  'compatibility_flags',
  'containers',
  'exports',
  'keep_assets',
  'keep_bindings',
  'main_module',
  'migrations',
]

type Fields = Record<string, unknown>

/** The settings of the request; those that wrangler does not upload are omitted. */
export interface TranslatedSettings {
  compatibility?: { date?: string; flags?: string[] }
  versionSettings?: Fields
  scriptSettings?: Fields
  metadata?: Fields
  exports?: Fields
}

/**
 * The settings in wrangler's upload, by what they belong to. Fields that Capstan does not know are passed through.
 * @param scriptOf the Worker that a reference by name means
 */
export function translateSettings(
  uploaded: UploadMetadata,
  scriptOf: (reference: string) => string,
): TranslatedSettings {
  const { compatibility_date: date, compatibility_flags: flags, exports } = uploaded
  const given = Object.entries(uploaded)
    .filter(([name, value]) => value != null && !otherFields.includes(name))
    .map(
      ([name, value]) => [name, name.endsWith('tail_consumers') ? tailsOf(value, scriptOf) : value] as const,
    )
  const [versionSettings, scriptSettings] = [versionFields, scriptFields].map((names) =>
    fieldsOf(given.filter(([name]) => names.includes(name))),
  )
  const known = [...versionFields, ...scriptFields]
  const metadata = fieldsOf(given.filter(([name]) => !known.includes(name)))
  const hasCompatibility = date !== undefined || flags !== undefined
  return {
    ...(hasCompatibility
      ? {
          compatibility: {
            ...(date === undefined ? {} : { date }),
            ...(flags === undefined ? {} : { flags }),
          },
        }
      : {}),
    ...(versionSettings === undefined ? {} : { versionSettings }),
    ...(scriptSettings === undefined ? {} : { scriptSettings }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(exports == null ? {} : { exports: propertiesOf(exports) }),
  }
}

const fieldsOf = (entries: (readonly [string, unknown])[]): Fields | undefined =>
  entries.length === 0 ? undefined : Object.fromEntries(entries)

function tailsOf(value: unknown, scriptOf: (reference: string) => string): unknown {
  if (!Array.isArray(value)) return value
  return value.map((each) =>
    typeof each?.service === 'string' ? { ...each, service: scriptOf(each.service) } : each,
  )
}
