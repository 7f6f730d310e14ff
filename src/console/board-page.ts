/**
 * CSS that hides the buttons of refused actions. It selects class names by prefix, because they end in a hash that
 * changes with the library's version; a test checks the order of the entries. The visible actions are: removing a
 * waiting job or a record, retrying a failed job, pausing, and clearing finished records.
 */
const hidingStyle = `
[class*="jobActions-"] > li { display: none }
[class*="jobActions-"] > li:last-child { display: list-item }
[class*="jobActions-"] > li:first-child:nth-last-child(4) { display: list-item }
ul[class*="queueActions-"]:has(> li:nth-child(2)) { display: none }
[role="menu"]:has([class*="danger-"]) [role="menuitem"]:not(:nth-last-child(5)) { display: none }
[class*="actionsCell-"] button, [class*="editButton-"] { display: none }
`

/** Links to other hosts, which are removed: the page must work and stay private without them. */
const externalLink = /<link\b[^>]*href="https?:[^>]*>/g
const placeholder = /<%([=-])\s*(\w+)\s*%>/g

/**
 * Renders the library's page.
 * @param template the library's template, with only plain EJS placeholders
 * @throws if the template of another version contains other EJS or external resources
 */
export function boardPage(template: string, values: Record<string, unknown>): string {
  const page = template
    .replace(externalLink, '')
    .replace(placeholder, (_, kind: string, name: string) => {
      const value = String(values[name] ?? '')
      return kind === '-' ? value : escapeAttribute(value)
    })
    .replace('</head>', () => `<style>${hidingStyle}</style></head>`)
  if (page.includes('<%') || /(?:src|href)="(?:https?:)?\/\//.test(page))
    throw new Error('the page of this version of Bull Board cannot be rendered')
  return page
}

const escapeAttribute = (text: string) =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
