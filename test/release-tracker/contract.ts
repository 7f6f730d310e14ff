import { Ajv, type ValidateFunction } from 'ajv'
import { readContract } from '../contracts/index.ts'

type Operation = {
  parameters?: { in: string; name: string }[]
  responses: Record<string, { content?: Record<string, { schema: unknown }> }>
}
interface Contract {
  paths: Record<string, { parameters?: { in: string; name: string }[]; get?: Operation }>
  components: object
}

/** Checks calls and answers against Kubernetes' published description. */
export function kubernetesContract() {
  const contract: Contract = readContract('kubernetes')
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false })
  ajv.addSchema({ $id: 'kubernetes', components: contract.components })
  const known = new Map<string, ValidateFunction>()

  function validatorOf(schema: unknown): ValidateFunction {
    const text = JSON.stringify(schema).replaceAll('"#/components', '"kubernetes#/components')
    const validator = known.get(text) ?? ajv.compile(JSON.parse(text))
    known.set(text, validator)
    return validator
  }

  return {
    /** @returns what is wrong with a call, or with its answer. */
    violations(call: { method: string; url: string }, answer: { status: number; body: unknown }): string[] {
      const url = new URL(call.url, 'http://cluster')
      const path = Object.keys(contract.paths).find((each) =>
        new RegExp(`^${each.replace(/\{[a-z]+\}/g, '[^/]+')}$`).test(url.pathname),
      )
      if (path === undefined) return [`${url.pathname}: no such path`]
      const { get, parameters = [] } = contract.paths[path] ?? {}
      if (call.method !== 'GET' || get === undefined) return [`${call.method} ${path}: no such operation`]
      const names = [...parameters, ...(get.parameters ?? [])].filter((each) => each.in === 'query')
      const unknown = [...url.searchParams.keys()].filter((name) => !names.some((each) => each.name === name))
      const described = get.responses[String(answer.status)] ?? get.responses.default
      const schema = described?.content?.['application/json']?.schema
      const validator = schema === undefined ? undefined : validatorOf(schema)
      const wrong = validator === undefined || validator(answer.body) ? [] : (validator.errors ?? [])
      return [
        ...unknown.map((name) => `${path}: no parameter ${name}`),
        ...wrong.map((each) => `${path} ${answer.status}: ${each.instancePath} ${each.message}`),
      ]
    },
  }
}
