/**
 * Hides what the console refuses, so that no button is shown that then fails. The library's class names end in a hash
 * that changes with its versions; the order of the entries is checked by a test. What stays: removing a job that waits
 * or a record, retrying a failed job, pausing, and clearing finished records.
 */
const hidden = `
[class*="jobActions-"] > li { display: none }
[class*="jobActions-"] > li:last-child { display: list-item }
[class*="jobActions-"] > li:first-child:nth-last-child(4) { display: list-item }
ul[class*="queueActions-"]:has(> li:nth-child(2)) { display: none }
[role="menu"]:has([class*="danger-"]) [role="menuitem"]:not(:nth-last-child(5)) { display: none }
[class*="actionsCell-"] button, [class*="editButton-"] { display: none }
`

/** Links that ask another host: the page must work, and be private, without one. */
const foreignLink = /<link\b[^>]*href="https?:[^>]*>/g
const placeholder = /<%([=-])\s*(\w+)\s*%>/g

/**
 * Renders the library's page.
 * @param template its own, with placeholders in EJS of the plainest kind.
 * @throws when a template of another version needs more.
 */
export function boardPage(template: string, values: Record<string, unknown>): string {
  const page = template
    .replace(foreignLink, '')
    .replace(placeholder, (_, kind: string, name: string) => {
      const value = String(values[name] ?? '')
      return kind === '-' ? value : escapeAttribute(value)
    })
    .replace('</head>', () => `<style>${hidden}</style></head>`)
  if (page.includes('<%') || /(?:src|href)="(?:https?:)?\/\//.test(page))
    throw new Error('the page of this version of Bull Board can not be rendered')
  return page
}

const escapeAttribute = (text: string) =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
