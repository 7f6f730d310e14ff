import { spawnSync } from 'node:child_process'
import { describe, expect, it, vi } from 'vitest'
import { createLogRepetitions } from '../../src/platform/logging/log-repetitions.ts'
import { serialiseError } from '../../src/platform/logging/logging.ts'
import { maskSecrets } from '../../src/platform/logging/redact.ts'

const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlLXNpZ25hdHVyZQ'

/** What a process prints that logs this. */
function lines(code: string): Record<string, unknown>[] {
  const module = new URL('../../src/platform/logging/logging.ts', import.meta.url)
  const source = `const { createLogger } = await import(${JSON.stringify(module)})
    const log = createLogger({ level: 'debug', process: 'test' })
    ${code}`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    encoding: 'utf8',
  })
  if (stdout === '') throw new Error(stderr)
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

describe('log lines', () => {
  it('have only allowed fields, with credentials masked', () => {
    const [fields, text, child, error, only, bare] = lines(`
      log.info({ jobId: '1', password: 'hunter2', body: { a: 'hunter2' }, reason: 'Bearer hunter2hunter2' }, 'fields')
      log.warn('sent Bearer hunter2hunter2 to it')
      log.child({ jobId: '2', token: 'hunter2' }).info({ secret: 'hunter2' }, 'child')
      const error = Object.assign(new Error('password=hunter2'), { detail: 'Key (hunter2)', code: '23505' })
      log.error({ err: error }, 'failed')
      log.error({ err: error })
      log.error(error)
    `)
    expect(fields).toEqual({
      level: 'info',
      time: expect.stringMatching(/Z$/),
      process: 'test',
      pid: expect.any(Number),
      jobId: '1',
      reason: 'Bearer [redacted]',
      msg: 'fields',
    })
    expect(text?.msg).toBe('sent Bearer [redacted] to it')
    expect(child).toMatchObject({ jobId: '2', msg: 'child' })
    expect(error?.err).toMatchObject({ type: 'Error', message: 'password=[redacted]', code: '23505' })
    const all = JSON.stringify([fields, text, child, error, only, bare])
    expect(all).not.toContain('hunter2')
    expect(all).not.toContain('detail')
  })
})

describe('repeated lines', () => {
  it('are written once and then counted', () => {
    const printed = lines(`
      for (let n = 0; n < 500; n++) {
        log.warn({ queue: 'q' + n % 6, reason: 'connect ECONNREFUSED' }, 'queue store lost')
        log.error({ err: new Error('Connection is closed'), correlationId: String(n), code: 'SYS_002' }, 'request failed')
        log.child({ correlationId: String(n) }).error({ err: new Error('Connection is closed') }, 'not read')
      }
      log.warn({ reason: 'another' }, 'queue store lost')
    `)
    const texts = printed.map(({ msg }) => msg)
    expect(texts.slice(0, 4)).toEqual(['queue store lost', 'request failed', 'not read', 'queue store lost'])
    expect(printed.slice(4)).toEqual([
      expect.objectContaining({
        level: 'warn',
        reason: 'connect ECONNREFUSED',
        count: 499,
        msg: 'queue store lost (repeated 499 times in 1 s)',
      }),
      expect.objectContaining({ count: 499, msg: 'request failed (repeated 499 times in 1 s)' }),
      expect.objectContaining({ count: 499, msg: 'not read (repeated 499 times in 1 s)' }),
    ])
  })

  it('are written for each address and principal that caused them', () => {
    const printed = lines(`
      for (let n = 0; n < 6; n++) {
        log.warn({ event: 'sign-in', address: '192.0.2.' + n % 3 }, 'sign-in refused')
        log.warn({ principal: 'user' + n % 3 }, 'refused')
      }
    `)
    expect(printed.filter(({ msg }) => msg === 'sign-in refused')).toHaveLength(3)
    expect(printed.filter(({ msg }) => msg === 'refused')).toHaveLength(3)
  })

  it('are all written for internal errors and for different jobs', () => {
    const printed = lines(`
      for (let n = 0; n < 3; n++) {
        log.error({ code: 'SYS_001', correlationId: String(n), err: new Error('same') }, 'request failed')
        log.error({ jobId: String(n), err: new Error('same') }, 'a handler failed unexpectedly')
        log.info('served')
      }
    `)
    expect(printed).toHaveLength(9)
  })

  it('are summarised after each interval until one has no repetition', () => {
    vi.useFakeTimers()
    try {
      const repetitions = createLogRepetitions(() => Date.now())
      const said: unknown[] = []
      const say = () => repetitions.isFirst('key', (repeated) => said.push(repeated))
      expect([say(), say(), say()]).toEqual([true, false, false])
      vi.advanceTimersByTime(10_000)
      expect(said).toEqual([{ count: 2, seconds: 10 }])
      expect(say()).toBe(false)
      vi.advanceTimersByTime(60_000)
      expect(said).toEqual([
        { count: 2, seconds: 10 },
        { count: 1, seconds: 60 },
      ])
      vi.advanceTimersByTime(60_000)
      expect(say()).toBe(true)
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('the output of an ending process', () => {
  /** What a process has printed that ends this way in the turn in which it logs. */
  function printed(ending: string): string[] {
    const module = new URL('../../src/platform/logging/logging.ts', import.meta.url)
    const source = `const { createLogger } = await import(${JSON.stringify(module)})
      const log = createLogger({ level: 'info', process: 'test' })
      log.info('first')
      ${ending}`
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
      encoding: 'utf8',
    })
    return stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line).msg]))
  }

  it.each([
    ['process.exit(3)', ['first']],
    ["throw new Error('uncaught')", ['first']],
    ["Promise.reject(new Error('unhandled'))", ['first']],
    ["log.warn('second'); process.kill(process.pid, 'SIGKILL')", ['first', 'second']],
    ["log.child({ jobId: '1' }).error('second'); process.kill(process.pid, 'SIGKILL')", ['first', 'second']],
    ["setImmediate(() => process.kill(process.pid, 'SIGKILL'))", ['first']],
    [
      "for (let n = 0; n < 3000; n++) log.info('x'.repeat(100))",
      ['first', ...Array(3000).fill('x'.repeat(100))],
    ],
  ])('loses no line after %s', (ending, lines) => {
    expect(printed(ending)).toEqual(lines)
  })

  it('does not prevent the exit when the pipe’s reader is gone', () => {
    const module = new URL('../../src/platform/logging/logging.ts', import.meta.url)
    const source = `const { createLogger } = await import(${JSON.stringify(module)})
      const log = createLogger({ level: 'info', process: 'test' })
      for (let n = 0; n < 100; n++) log.warn('unread')
      process.stderr.write('went on')`
    const run = spawnSync('sh', ['-c', '"$0" --input-type=module -e "$1" | true', process.execPath, source], {
      encoding: 'utf8',
      timeout: 20_000,
    })
    expect([run.status, run.stderr]).toEqual([0, 'went on'])
  })
})

describe('errors in log lines', () => {
  it('keep only the code of a database driver’s fields', () => {
    const cause = Object.assign(new Error('duplicate key'), {
      code: '23505',
      detail: 'Key (email)=(a@example.org) already exists.',
      where: 'COPY users',
      parameters: ['hunter2'],
    })
    const shown = serialiseError(new Error('could not be written', { cause }))
    expect(shown).toEqual({
      type: 'Error',
      message: 'could not be written',
      stack: expect.any(String),
      cause: { type: 'Error', message: 'duplicate key', stack: expect.any(String), code: '23505' },
    })
  })

  it('are truncated and masked; other values are not logged as errors', () => {
    expect(serialiseError({ password: 'hunter2' })).toEqual({ message: 'not an Error' })
    const long = serialiseError(new Error(`token=hunter2 ${'x'.repeat(5000)}`))
    expect(String(long.message)).toHaveLength(2000)
    expect(JSON.stringify(long)).not.toContain('hunter2')
  })
})

describe('masking of free text', () => {
  it.each([
    ['cfut_abcdefgh12345678', '[redacted]'],
    ['cfat_abcdefgh12345678 and more', '[redacted] and more'],
    [`ghs_${'a.b-c_d'.repeat(70)} end`, '[redacted] end'],
    ['ghp_0123456789abcdefghij0123456789abcdef', '[redacted]'],
    ['ora_0123456789abcdef', '[redacted]'],
    [`token ${jwt}`, 'token [redacted]'],
    ['Authorization: Bearer abcdefghijkl', 'Authorization: [redacted] [redacted]'],
    ['basic dXNlcjpwYXNzd29yZA==', 'basic [redacted]'],
    ['password=hunter2 user=me', 'password=[redacted] user=me'],
    ['{"password":"hunter2","user":"me"}', '{"password":"[redacted]","user":"me"}'],
    ['{"password":"two words, and more"}', '{"password":"[redacted]"}'],
    ["secret: 'two words'", "secret: '[redacted]'"],
    ['{"password":"with \\" inside","user":"me"}', '{"password":"[redacted]","user":"me"}'],
    ['"{\\"password\\":\\"hunter2\\"}"', '"{\\"password\\":\\"[redacted]\\"}"'],
    ['api_key = abc123; x-api-key: abc', 'api_key = [redacted]; x-api-key: [redacted]'],
    ['postgresql://capstan:hunter2@db/capstan', 'postgresql://capstan:[redacted]@db/capstan'],
    ['redis://:hunter2@cache:6379', 'redis://:[redacted]@cache:6379'],
    ['redis://:hunt@er2@cache:6379', 'redis://:[redacted]@cache:6379'],
  ])('turns %s into %s', (text, masked) => {
    expect(maskSecrets(text)).toBe(masked)
  })

  it.each([
    ['deployment 3f2a failed at step deploy_worker'],
    ['https://example.org:8443/path?x=1'],
    ['the tokens of a user'],
    ['basic health check of the service'],
    ['500 Internal Server Error'],
  ])('leaves %s alone', (text) => {
    expect(maskSecrets(text)).toBe(text)
  })

  it('is fast for any text', () => {
    const words = ['a:', 'a.', 'eyJaaaaaa-', 'token="', 'a://a:'].map((word) => word.repeat(30_000))
    for (const text of [...words, 'password'.repeat(20_000), `eyJ${'a'.repeat(100_000)}`]) {
      const startedAt = performance.now()
      maskSecrets(text)
      expect(performance.now() - startedAt).toBeLessThan(5000)
    }
  })
})

describe('the format of log lines', () => {
  const module = new URL('../../src/platform/logging/logging.ts', import.meta.url)
  const source = (format: string) => `const { createLogger } = await import(${JSON.stringify(module)})
    createLogger({ level: 'info', process: 'web', format: ${format} }).info({ port: 1, reason: 'Bearer hunter2hunter2' }, 'serving')`
  const run = (command: string, args: string[]) => spawnSync(command, args, { encoding: 'utf8' }).stdout

  it('is JSON in a pipe and text on request, masked in both', () => {
    const node = (format: string) => run(process.execPath, ['--input-type=module', '-e', source(format)])
    expect(JSON.parse(node('undefined'))).toMatchObject({ process: 'web', msg: 'serving' })
    expect(JSON.parse(node('"json"'))).toMatchObject({ process: 'web', msg: 'serving' })
    const text = node('"pretty"')
    expect(text).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: web: serving \{"port":1,.*\}\n$/)
    expect(text).not.toContain('hunter2')
  })

  // `script` gives its command a terminal; the one of Linux takes the command so.
  it.runIf(process.platform === 'linux' && spawnSync('script', ['--version']).status === 0)(
    'is text on a terminal',
    () => {
      const command = `'${process.execPath}' --input-type=module -e '${source('undefined').replaceAll("'", `'"'"'`)}'`
      const text = run('script', ['-qec', command, '/dev/null'])
      expect(text).toContain('web: serving')
      expect(text).not.toContain('"msg"')
    },
  )
})
