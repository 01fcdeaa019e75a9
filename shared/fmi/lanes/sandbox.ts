import { existsSync, lstatSync, readlinkSync, realpathSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join, resolve, sep } from 'node:path';
import { makeScratch } from '../../core/index.js';
import { type Fmu, partsOf } from '../description/fmu.js';

/**
 * How a process that runs an FMU is contained, strongest first:
 * `namespaces` – Linux user, mount, process, network and IPC namespaces: what the process does not
 * need does not exist for it; `process` – a clean environment, a scratch folder, limits, and an end
 * that takes all descendants along; `none` – nothing, for an FMU that is trusted.
 */
const SANDBOX_LEVELS = ['namespaces', 'process', 'none'] as const;
export type SandboxLevel = (typeof SANDBOX_LEVELS)[number];

/** What a level keeps an FMU from, in words for people. */
export const KEEPS_OUT: Readonly<Record<SandboxLevel, readonly string[]>> = {
  namespaces: [
    'environment variables',
    'files outside of the FMU and the system libraries',
    'writing outside of a scratch folder in memory',
    'other processes',
    'the network',
    'living on after its run',
  ],
  process: [
    'environment variables',
    "the caller's working folder",
    'files and core dumps above the limits',
    'living on after its run',
  ],
  none: [],
};

/** What FMUs may write in all, bytes. */
export const SCRATCH_LIMIT_BYTES = 256 * 1024 * 1024;

/** Processes and threads that one lane may have, where the kernel counts them by namespace. */
const MAX_PROCESSES = 1024;

/** What of the environment reaches an FMU: the places of libraries, language and time zone. */
const ENVIRONMENT = [
  'LANG',
  'LANGUAGE',
  'TZ',
  'LD_LIBRARY_PATH',
  'DYLD_LIBRARY_PATH',
  'OMP_NUM_THREADS',
  // Windows does not load its own libraries without these.
  'SystemRoot',
  'SYSTEMROOT',
  'windir',
  'SystemDrive',
  'NUMBER_OF_PROCESSORS',
  'PROCESSOR_ARCHITECTURE',
];

/** How to start a contained process. */
export interface SandboxedCommand {
  level: SandboxLevel;
  command: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  /** Its working folder; left out, the caller's. */
  cwd?: string;
  /** A folder to remove when the process has ended. */
  scratch?: string;
}

function cleanEnvironment(home: string): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (ENVIRONMENT.includes(name) || name.startsWith('LC_')) env[name] = value;
  }
  const path =
    process.platform === 'win32'
      ? process.env.PATH
      : '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin';
  return { ...env, PATH: path, HOME: home, TMPDIR: home, TMP: home, TEMP: home, USERPROFILE: home };
}

const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** A path in fstab's notation. */
const fstab = (path: string) =>
  path.replace(/[\\\s#]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);

/** Folders and files of the system that native code needs to be loaded and to run. */
const SYSTEM_PATHS = [
  '/usr',
  '/bin',
  '/sbin',
  '/lib',
  '/lib32',
  '/lib64',
  '/nix/store',
  '/gnu/store',
];
const SYSTEM_FILES = [
  '/etc/ld.so.cache',
  '/etc/ld.so.conf',
  '/etc/ld.so.conf.d',
  '/etc/alternatives',
  '/etc/localtime',
];
const DEVICES = ['/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom'];

/** What the lane's own program is made of: its code, and the packages that it imports. */
function programPaths(entry: string): string[] {
  const dist = dirname(entry);
  const root = dirname(dist);
  // In a bundle the parts of the program lie about its root, and there is nothing else in it.
  const isBundle = !existsSync(join(dist, 'shared'));
  const paths = [process.execPath, ...(isBundle ? [root] : [dist, join(root, 'package.json')])];
  for (let dir = root; ; dir = dirname(dir)) {
    paths.push(join(dir, 'node_modules'));
    if (dir === dirname(dir)) break;
  }
  // Packages that are linked into node_modules from elsewhere.
  try {
    const koffi = realpathSync(createRequire(entry).resolve('koffi'));
    const at = koffi.lastIndexOf(`${sep}node_modules${sep}`);
    if (at > 0) paths.push(koffi.slice(0, at + `${sep}node_modules`.length));
  } catch {
    // A bundle has its packages inside.
  }
  return paths;
}

/** The read-only view: paths that exist, without those that lie in others. */
function visiblePaths(fmu: Fmu, entry: string): string[] {
  const libraries = (process.env.LD_LIBRARY_PATH ?? '')
    .split(delimiter)
    .filter((path) => path.startsWith('/') && path !== '/');
  const wanted = [
    ...SYSTEM_PATHS.filter((path) => existsSync(path) && !lstatSync(path).isSymbolicLink()),
    ...SYSTEM_FILES,
    ...programPaths(entry),
    ...libraries.map((path) => resolve(path)),
    ...partsOf(fmu).map((part) => part.unzipDir),
    join(fmu.cacheDir, 'compiled'),
  ].filter((path) => existsSync(path));
  const kept: string[] = [];
  for (const path of [...new Set(wanted)].sort((a, b) => a.length - b.length)) {
    if (!kept.some((parent) => path.startsWith(parent + sep))) kept.push(path);
  }
  return kept;
}

/**
 * The script that sets the namespaces' world up: a root in memory with read-only views of what is
 * needed, then no capability any more. Its shell stays as the first process of the namespace: when
 * it ends, the kernel ends all others.
 */
function setupScript(root: string, table: string, paths: readonly string[]): string {
  const folders = new Set(['/dev/shm', '/proc', '/tmp', '/etc']);
  const files: string[] = [...DEVICES];
  for (const path of paths) {
    if (lstatSync(realpathSync(path)).isDirectory()) folders.add(path);
    else {
      folders.add(dirname(path));
      files.push(path);
    }
  }
  const links = SYSTEM_PATHS.flatMap((path) =>
    existsSync(path) && lstatSync(path).isSymbolicLink()
      ? [`ln -s ${quote(readlinkSync(path))} .${path}`]
      : [],
  );
  const inRoot = (path: string) => quote(`.${path}`);
  return [
    `mount -t tmpfs -o size=${SCRATCH_LIMIT_BYTES},mode=0755,nosuid,nodev tmpfs ${quote(root)} || exit 71`,
    `cd ${quote(root)} && mkdir -p ${[...folders].map(inRoot).join(' ')} || exit 72`,
    ...files.map((path) => `: > ${inRoot(path)} || exit 72`),
    ...links.map((link) => `${link} || exit 72`),
    `echo 'root:x:0:0::/tmp:/bin/sh' > ./etc/passwd`,
    `mount -a -T ${quote(table)} || exit 73`,
    // A container may not let its own /proc be covered; then there is none.
    'mount -t proc -o nosuid,noexec,nodev proc ./proc 2>/dev/null',
    'pivot_root . . && umount -l . || exit 74',
    'cd /tmp || exit 74',
    `ulimit -c 0; ulimit -u ${MAX_PROCESSES} 2>/dev/null`,
    'setpriv --no-new-privs --bounding-set=-all --inh-caps=-all "$@"',
    'exit $?',
  ].join('\n');
}

function inNamespaces(fmu: Fmu, entry: string): SandboxedCommand {
  const scratch = makeScratch('lane');
  const root = join(scratch, 'root');
  const table = join(scratch, 'fstab');
  const paths = visiblePaths(fmu, entry);
  const lines = [
    ...paths.map((p) => `${fstab(p)} ${fstab(root + p)} none rbind,ro 0 0`),
    ...DEVICES.map((p) => `${p} ${fstab(root + p)} none bind 0 0`),
  ];
  writeFileSync(table, `${lines.join('\n')}\n`);
  return {
    level: 'namespaces',
    // Ends with this process, also when that is killed.
    command: 'setpriv',
    args: [
      '--pdeathsig',
      'KILL',
      'unshare',
      '--user',
      '--map-root-user',
      '--mount',
      '--net',
      '--ipc',
      '--pid',
      '--fork',
      '--kill-child',
      'sh',
      '-c',
      `mkdir -p ${quote(root)} || exit 71\n${setupScript(root, table, paths)}`,
      'sh',
      process.execPath,
      entry,
    ],
    env: { ...cleanEnvironment('/tmp') },
    cwd: scratch,
    scratch,
  };
}

function inProcess(entry: string): SandboxedCommand {
  const scratch = makeScratch('lane');
  const env = cleanEnvironment(scratch);
  const common = { level: 'process' as const, env, cwd: scratch, scratch };
  if (process.platform === 'win32') {
    return { ...common, command: process.execPath, args: [entry] };
  }
  // `ulimit -f` counts blocks of 512 bytes.
  const limits = `ulimit -c 0; ulimit -f ${SCRATCH_LIMIT_BYTES / 512}; exec "$@"`;
  return { ...common, command: '/bin/sh', args: ['-c', limits, 'sh', process.execPath, entry] };
}

/** The strongest level that this machine was found to have; falls while lanes start. */
let strongest: SandboxLevel = process.platform === 'linux' ? 'namespaces' : 'process';
let trusted = false;

/** From now on FMUs run uncontained in this process's pools: the user vouches for them. */
export function trustFmus(): void {
  trusted = true;
}

/** The level that the next process gets, as far as is known. */
export function currentLevel(wanted: SandboxLevel = 'namespaces'): SandboxLevel {
  if (trusted) return 'none';
  const at = Math.max(SANDBOX_LEVELS.indexOf(wanted), SANDBOX_LEVELS.indexOf(strongest));
  return SANDBOX_LEVELS[at] ?? 'none';
}

/** Notes that a level can't be had here. */
export function giveUpLevel(level: SandboxLevel): void {
  if (level === 'namespaces') strongest = 'process';
}

/**
 * How to start the process of an FMU.
 *
 * @param entry the program that runs in it
 */
export function sandboxedCommand(level: SandboxLevel, fmu: Fmu, entry: string): SandboxedCommand {
  switch (level) {
    case 'namespaces':
      return inNamespaces(fmu, entry);
    case 'process':
      return inProcess(entry);
    case 'none':
      return { level, command: process.execPath, args: [entry], env: { ...process.env } };
  }
}
