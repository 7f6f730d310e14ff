import { z } from 'zod'

/** A program that reads settings. */
export type Program = 'web' | 'worker' | 'migrate' | 'local cloud' | 'commands'

/** What people read about a setting: docs/configuration.md and .env.example are made from it. */
export interface SettingInfo {
  /** The heading below which it is listed. */
  group: string
  meaning: string
  /** The programs on which the setting has an effect. */
  usedBy: readonly Program[]
  /** The unit of a number. */
  unit?: string
  /** True for a value that nobody else may know. */
  secret?: boolean
  /** What applies without the setting, if its schema has no default. */
  without?: string
}

export interface Setting extends SettingInfo {
  name: string
  /** The default of the schema, as text. */
  fallback: string | undefined
}

const infos = z.registry<SettingInfo>()

type Details = Partial<Omit<SettingInfo, 'group' | 'meaning'>>

/**
 * Begins a group of settings. @returns a function that adds to the schema of a variable what people read about it
 * @param usedBy the programs that most settings of the group have an effect on
 */
export function settingGroup(group: string, usedBy: readonly Program[]) {
  return <Schema extends z.ZodType>(schema: Schema, meaning: string, details: Details = {}): Schema => {
    // A copy, since several variables may share a schema.
    const own = schema.clone()
    infos.add(own, { group, meaning, usedBy, ...details })
    return own
  }
}

/** The settings of an object of variables in its order; variables without information are not settings of users. */
export function settingsOf(variables: z.ZodObject): Setting[] {
  return Object.entries(variables.shape).flatMap(([name, schema]) => {
    const info = infos.get(schema)
    if (info === undefined) return []
    const fallback = schema instanceof z.ZodDefault ? String(schema.def.defaultValue) : undefined
    return [{ name, fallback, ...info }]
  })
}
