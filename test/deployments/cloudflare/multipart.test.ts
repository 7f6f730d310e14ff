import { expect, test } from 'vitest'
import { multipart } from '../../../src/deployments/cloudflare/workers/multipart.ts'

async function* chunks(...texts: string[]) {
  for (const text of texts) yield Buffer.from(text)
}

const names = ['./übergröße page.txt', '(site)/[slug].func.js', 'a "quoted" name.js', '日本/ページ.mjs']

test('a body has its announced length, and is read again on each call', async () => {
  const body = multipart([
    { name: 'metadata', type: 'application/json', size: 2, read: () => chunks('{}') },
    ...names.map((name) => ({
      ...{ name, filename: name, type: 'text/plain', size: 6 },
      read: () => chunks('abc', 'dëf'.slice(0, 2)),
    })),
  ])
  for (let turn = 0; turn < 2; turn++) {
    const bytes = Buffer.concat(await Array.fromAsync(body.content()))
    expect(bytes.length).toBe(body.length)
    const form = await new Response(bytes, { headers: { 'content-type': body.contentType } }).formData()
    expect(form.get('metadata')).toBe('{}')
    expect([...form.keys()].slice(1)).toEqual(names)
    const file = form.get(names[3] ?? '')
    expect(file).toBeInstanceOf(File)
    expect([(file as File).name, (file as File).type, await (file as File).text()]).toEqual([
      ...[names[3], 'text/plain', 'abcdë'],
    ])
  }
})
