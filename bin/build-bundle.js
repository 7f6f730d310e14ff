// Bundles the programs of `npm start`: a process then reads 20 files instead of 1,600, which takes half of the processor
// time of a start. Runs at the end of `npm ci`.
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { bundles, currentBundle, root } from './bundle.js'

/** The files that processes are started with, below the root; a bundle has them at the same paths. */
const programs = ['src/start', 'src/migrate', 'src/api', 'src/local-cloud/main', 'workers/main']
/** A running service may still load files of an older bundle. */
const kept = 3

/** Builds the bundle of the current sources, unless it exists. @returns its folder; undefined if packages are not known */
export async function buildBundle() {
  const folder = currentBundle()
  if (folder !== undefined && !existsSync(folder)) await write(folder)
  return folder
}

async function write(folder) {
  mkdirSync(bundles, { recursive: true })
  // Not writable by the group, whatever the umask: start.js executes no bundle that others can change.
  chmodSync(bundles, 0o755)
  const temporary = `${folder}.${randomBytes(4).toString('hex')}`
  try {
    await build({
      absWorkingDir: root,
      entryPoints: programs.map((program) => `${program}.ts`),
      outdir: temporary,
      outbase: root,
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'node',
      target: 'node22',
      // As Node resolves packages, so that a bundle contains the same files.
      conditions: ['node', 'module-sync'],
      mainFields: ['main'],
      keepNames: true,
      sourcemap: true,
      sourcesContent: false,
      banner: { js: requireOf(join(root, 'package.json')) },
      plugins: [somePackagesStay, pathsStay],
      logLevel: 'silent',
    })
    writeFileSync(join(temporary, 'package.json'), '{"type":"module"}')
    // A power cut must not leave a bundle with empty files under its final name.
    for (const entry of readdirSync(temporary, { recursive: true })) sync(join(temporary, entry))
    chmodSync(temporary, 0o755)
    renameSync(temporary, folder)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
  removeOld()
}

/**
 * Packages outside the bundle: those that are imported only when they are needed, such as the S3 client; native modules;
 * miniflare, which is a bundle itself; and those that another package tries to load although they are not installed.
 */
const somePackagesStay = {
  name: 'some-packages-stay',
  setup({ onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ kind, path, importer }) => {
      const stays = kind === 'dynamic-import' || /^(@node-rs\/.+|miniflare)$/.test(path)
      return stays || (kind === 'require-call' && isMissing(path, importer)) ? { external: true } : undefined
    })
  },
}

function isMissing(name, importer) {
  try {
    createRequire(importer).resolve(name)
    return false
  } catch (error) {
    return error.code === 'MODULE_NOT_FOUND'
  }
}

/** Modules see the paths of their sources, and find files beside them. */
const pathsStay = {
  name: 'paths-stay',
  setup({ onLoad }) {
    onLoad({ filter: /\.(ts|[cm]?js)$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8')
      const contents = withPaths(text, path)
      return contents === text ? undefined : { contents, loader: extname(path) === '.ts' ? 'ts' : 'js' }
    })
  },
}

function withPaths(text, path) {
  const values = { dirname: dirname(path), filename: path, url: pathToFileURL(path).href }
  const meta = text.replace(/\bimport\.meta\.(dirname|filename|url)\b/g, (_, name) =>
    JSON.stringify(values[name]),
  )
  if (/\b(?:var|let|const)\s+__(?:dirname|filename)\b/.test(meta)) return meta
  return meta.replace(/\b__(dirname|filename)\b/g, (_, name) => JSON.stringify(values[name]))
}

/** CommonJS modules call `require` for Node's own modules. */
const requireOf = (path) =>
  `import { createRequire as createBundleRequire } from 'node:module'; const require = createBundleRequire(${JSON.stringify(path)});`

function sync(path) {
  const descriptor = openSync(path, 'r')
  fsyncSync(descriptor)
  closeSync(descriptor)
}

function removeOld() {
  const folders = readdirSync(bundles).map((name) => join(bundles, name))
  const newestFirst = folders
    .map((folder) => ({ folder, at: statSync(folder).mtimeMs }))
    .sort((a, b) => b.at - a.at)
  for (const { folder } of newestFirst.slice(kept)) rmSync(folder, { recursive: true, force: true })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  // Without a bundle, programs run from their sources.
  await buildBundle().catch((error) => console.error(`The programs were not bundled: ${error.message}`))
}
