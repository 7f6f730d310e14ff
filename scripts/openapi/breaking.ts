import { at, type Change, type Documents, entries, follow, type Json, type Side } from './breaking-parts.ts'
import { schemaBreaks } from './breaking-schemas.ts'

/**
 * Lists what a client of the released document can no longer rely on in the current one: operations, statuses, parameters
 * and fields that are gone, requests that require more or accept less, and answers that have other types or new values of
 * a closed list.
 * @returns one line per break, with its place
 */
export function breakingChanges(released: object, current: object): string[] {
  const documents = { released: released as Json, current: current as Json }
  const found: string[] = []
  for (const [path, item] of entries(documents.released.paths)) {
    for (const [method, operation] of entries(item)) {
      const now = at(documents.current, ['paths', path, method])
      const name = `${method.toUpperCase()} ${path}`
      if (now === undefined) found.push(`${name} is gone`)
      else
        found.push(
          ...operationBreaks(documents, { released: operation, current: now }).map(
            (each) => `${name}: ${each}`,
          ),
        )
    }
  }
  return found
}

function operationBreaks(documents: Documents, change: Change): string[] {
  const { released, current } = change
  const both = (...keys: string[]): Change => ({ released: at(released, keys), current: at(current, keys) })
  const id = both('operationId')
  return [
    ...(id.released === id.current ? [] : [`the operation id ${id.released} is now ${id.current}`]),
    ...parameterBreaks(documents, both('parameters')),
    ...bodyBreaks(documents, both('requestBody')),
    ...entries(at(released, ['responses'])).flatMap(([status]) => {
      const response = both('responses', status)
      // An error that no longer occurs breaks nobody.
      if (response.current === undefined) return Number(status) < 400 ? [`the status ${status} is gone`] : []
      return contentBreaks(documents, response, 'answer').map((each) => `${status}: ${each}`)
    }),
  ]
}

function parameterBreaks(documents: Documents, { released, current }: Change): string[] {
  const keyed = (document: Json, list: unknown) =>
    new Map(
      (Array.isArray(list) ? list : []).map((each) => {
        const parameter = follow(document, each)
        return [`${parameter.in} parameter ${parameter.name}`, parameter] as const
      }),
    )
  const before = keyed(documents.released, released)
  const now = keyed(documents.current, current)
  return [
    ...[...before].flatMap(([name, parameter]) => {
      const other = now.get(name)
      if (other === undefined) return [`the ${name} is gone`]
      const required =
        other.required === true && parameter.required !== true ? [`the ${name} is now required`] : []
      const change = { released: parameter.schema, current: other.schema }
      return [...required, ...schemaBreaks(documents, change, { side: 'request', place: name })]
    }),
    ...[...now].flatMap(([name, parameter]) =>
      parameter.required === true && !before.has(name) ? [`the ${name} is new and required`] : [],
    ),
  ]
}

function bodyBreaks(documents: Documents, { released, current }: Change): string[] {
  const isRequired = at(current, ['required']) === true
  if (released === undefined) return isRequired ? ['a body is now required'] : []
  const required = isRequired && at(released, ['required']) !== true ? ['the body is now required'] : []
  return [...required, ...contentBreaks(documents, { released, current }, 'request')]
}

function contentBreaks(documents: Documents, { released, current }: Change, side: Side): string[] {
  const before = follow(documents.released, released)
  const now = follow(documents.current, current)
  return entries(before.content).flatMap(([type, media]) => {
    const other = at(now, ['content', type])
    if (other === undefined) return [`the type ${type} is gone`]
    return ['schema', 'x-item-schema'].flatMap((key) =>
      schemaBreaks(
        documents,
        { released: at(media, [key]), current: at(other, [key]) },
        { side, place: side === 'request' ? 'body' : '' },
      ),
    )
  })
}
