import type { Setting } from '../../src/platform/config/settings.ts'

const groupsOf = (settings: readonly Setting[]) => [...Map.groupBy(settings, ({ group }) => group)]
const unitOf = ({ unit }: Setting) => (unit === undefined ? '' : ` ${unit}`)

/** docs/configuration.md */
export function configurationPage(settings: readonly Setting[]): string {
  return `${[
    '# Configuration',
    '',
    'This page is made from the schemas of the settings (`src/config.ts`), and so is [.env.example](../.env.example). After a change',
    'of a schema, write both: `npx vitest run test/docs/settings.test.ts -u`.',
    '',
    'Settings are variables of the environment, or lines of a `.env` in the folder in which a program starts; the environment',
    'overrides the file ([which file a command reads](command-line.md#settings)). A start reports all faulty settings together, by',
    'name and without their values, and exits with 1. An unknown name causes a warning with the nearest setting.',
    '',
    '"Used by" names the programs on which a setting has an effect: `web` (`src/api.ts`), `worker` (`workers/main.ts`), `migrate`,',
    'the local cloud, and commands that work on the data of an installation. `npm start` passes its settings to all of them; give',
    'all programs of one installation the same settings. A setting without a default is optional.',
    '',
    'Without any setting `npm start` runs everything on this machine. A production start (`ENVIRONMENT=production`, or a set',
    '`DATABASE_URL`) generates no secret: it needs `DATABASE_URL`, `SECRET_KEY` and, while no user exists, `ADMIN_PASSWORD`.',
    ...groupsOf(settings).flatMap(([group, all]) => [
      '',
      `## ${group}`,
      '',
      '| setting | default | meaning | used by |',
      '|---|---|---|---|',
      ...all.map(rowOf),
    ]),
  ].join('\n')}\n`
}

function rowOf(setting: Setting): string {
  const { name, fallback, without, meaning, usedBy, secret } = setting
  const value = fallback === undefined || fallback === '' ? '' : `\`${fallback}\`${unitOf(setting)}`
  const initial = value || (without === undefined ? '-' : `none: ${without}`)
  const unit = value === '' && setting.unit !== undefined ? `, in${unitOf(setting)}` : ''
  const text = `${cell(meaning)}${unit}${secret ? '. **Secret**' : ''}`
  return `| \`${name}\` | ${cell(initial)} | ${text} | ${usedBy.join(', ')} |`
}

/** Text of a cell: placeholders in <> are not HTML, and a bar does not end the cell. */
const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;')

/** .env.example */
export function envExample(settings: readonly Setting[]): string {
  return `${[
    '# All settings with their defaults. Set variables in the environment, or copy this file to `.env` in the same folder: all',
    '# programs and commands read that file, and the environment overrides it. Quote a value that contains a # or begins or',
    '# ends with a space. Without any setting `npm start` runs everything on this machine. docs/configuration.md has the details.',
    ...groupsOf(settings).flatMap(([group, all]) => [
      '',
      `# --- ${group} `.padEnd(113, '-'),
      ...all.map(lineOf),
    ]),
  ].join('\n')}\n`
}

function lineOf(setting: Setting): string {
  const { name, fallback = '', without, meaning } = setting
  const unit = setting.unit === undefined ? '' : `, in${unitOf(setting)}`
  const initial = without === undefined ? '' : `; default: ${without}`
  return `${`#${name}=${fallback}`.padEnd(38)} # ${meaning}${unit}${initial}`
}
