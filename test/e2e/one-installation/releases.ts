import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { startR2 } from '../../binary-releases/r2-server.ts'
import { runCommand, type Stack } from '../../helpers/stack.ts'
import type { Installation } from '../support/installation.ts'

const platforms = ['darwin-arm64', 'darwin-x86_64', 'linux-x86_64', 'linux-aarch64', 'windows-x86_64']
const hasAws = spawnSync('aws', ['--version']).status === 0
const hasCurl = spawnSync('curl', ['--version']).status === 0

type Bucket = Awaited<ReturnType<typeof startR2>>

/** @param bucket the bucket that the installation uses; a folder of DATA_DIR if it is missing */
export function releaseTests(get: () => Pick<Installation, 'stack'>, bucket?: () => Bucket): void {
  const kind = bucket === undefined ? 'folder' : 'bucket'
  describe(`binary releases with a ${kind} as the store`, () => {
    let work: string
    let stack: Stack
    let token: string
    beforeAll(() => {
      work = mkdtempSync(join(tmpdir(), 'capstan-newcomer-'))
      stack = get().stack
    })
    afterAll(() => rmSync(work, { recursive: true, force: true }))

    const capstan = (...args: string[]) => runCommand(stack, ['release', ...args])
    function files(version: string): string {
      const folder = join(work, version)
      mkdirSync(folder)
      for (const platform of platforms) {
        const type = platform.startsWith('windows') ? 'zip' : 'tar.gz'
        writeFileSync(join(folder, `cco-v${version}-${platform}.${type}`), randomBytes(200_000))
      }
      return folder
    }
    const read = async (path: string) => {
      const answer = await fetch(`${stack.origin}${path}`, { headers: { authorization: `Bearer ${token}` } })
      return { status: answer.status, body: (await answer.json()) as { version?: string } }
    }

    it('are published, promoted, downloaded, verified and withdrawn', async () => {
      for (const version of ['2025.11.24', '2025.11.25']) {
        const done = await capstan('publish', files(version), '--version', version, '--channel', 'beta')
        expect([done.exitCode, done.output]).toEqual([0, expect.stringContaining(`Published ${version}`)])
        const moved = await capstan('promote', version, '--channel', 'stable')
        expect([moved.exitCode, moved.output]).toEqual([
          0,
          expect.stringContaining(`stable points to ${version}`),
        ])
      }
      token = readFileSync(join(stack.dataDir, 'cli-token'), 'utf8').trim()
      expect((await read('/releases/latest')).body).toMatchObject({
        version: '2025.11.25',
        channel: 'stable',
      })

      const name = 'cco-v2025.11.25-linux-x86_64.tar.gz'
      const url = `${stack.origin}/download/2025.11.25/linux-x86_64?redirect=1`
      const file = join(work, name)
      if (hasCurl) {
        const curl = spawnSync('curl', ['-sSfL', '-o', file, '-H', `Authorization: Bearer ${token}`, url], {
          encoding: 'utf8',
        })
        expect([curl.status, curl.stderr]).toEqual([0, ''])
      } else {
        const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
        writeFileSync(file, Buffer.from(await answer.arrayBuffer()))
      }
      expect(readFileSync(file).equals(readFileSync(join(work, '2025.11.25', name)))).toBe(true)
      const verified = await capstan('verify', file)
      expect([verified.exitCode, verified.output]).toEqual([0, expect.stringContaining('OK:')])
      writeFileSync(file, Buffer.concat([readFileSync(file), Buffer.from('x')]))
      const refused = await capstan('verify', file)
      expect([refused.exitCode, refused.output]).toEqual([1, expect.stringContaining('NOT VERIFIED')])

      const yanked = await capstan('yank', '2025.11.25', '--reason', 'eats disks')
      expect([yanked.exitCode, yanked.output]).toEqual([
        0,
        expect.stringContaining('stable returned to 2025.11.24'),
      ])
      expect((await read('/releases/latest')).body.version).toBe('2025.11.24')
      expect((await read('/download/2025.11.25/linux-x86_64')).status).toBe(410)
      const health = await fetch(`${stack.origin}/health`)
      expect(await health.json()).toMatchObject({ status: 'healthy', r2_connected: true })
    }, 120_000)

    const canLook = bucket === undefined || hasAws
    it.skipIf(!canLook)(
      `what was written agrees with the system's own tools${canLook ? '' : ' (aws is not installed)'}`,
      () => {
        const r2 = bucket?.()
        let folder = join(stack.dataDir, 'release-store/objects/releases/2025.11.24')
        if (r2 !== undefined) {
          const { accessKeyId, secretAccessKey, endpoint, bucket } = r2.config
          const env = {
            ...{ PATH: process.env.PATH ?? '', HOME: work, AWS_DEFAULT_REGION: 'auto' },
            ...{ AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
          }
          const aws = (...args: string[]) => {
            const ran = spawnSync('aws', ['s3', ...args, '--endpoint-url', endpoint], {
              env,
              encoding: 'utf8',
            })
            expect([ran.status, ran.stderr]).toEqual([0, ''])
            return ran.stdout
          }
          const listed = aws('ls', `s3://${bucket}/releases/2025.11.24/`)
          for (const platform of platforms)
            expect(listed).toMatch(new RegExp(` 200000 cco-v2025.11.24-${platform}\\.`))
          folder = join(work, 'copied')
          aws('cp', '--recursive', '--quiet', `s3://${bucket}/releases/2025.11.24/`, folder)
        }
        const checked = spawnSync('sha256sum', ['-c', 'checksums.sha256'], { cwd: folder, encoding: 'utf8' })
        expect([checked.status, checked.stderr]).toEqual([0, ''])
        expect(checked.stdout.match(/: OK/g)).toHaveLength(platforms.length)
      },
    )
  })
}
